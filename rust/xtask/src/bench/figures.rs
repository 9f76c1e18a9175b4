//! Parses the figures of a run, and formats the lines of the table.

use std::collections::BTreeMap;

use super::cases::{Case, Row, Unit};

/// The header of the table.
pub(crate) const HEAD: &str = "\
| case | built-in | ours | ratio: median (min–max) | to reach | |
| --- | ---: | ---: | ---: | ---: | --- |";

/// The output for one case: a value per pair, for each figure and side.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<(String, String), BTreeMap<usize, f64>>);

impl Figures {
    /// Reads the lines `BENCH case.figure<TAB>side<TAB>pair<TAB>value`.
    pub(crate) fn read(output: &str) -> Self {
        let mut figures = Self::default();
        for line in output.lines() {
            if let Some((figure, side, pair, value)) = parse(line) {
                figures.0.entry((figure.to_owned(), side.to_owned())).or_default().insert(pair, value);
            }
        }
        figures
    }

    /// The line of the table for a row. A side without values, such as a missing curl, gives empty cells.
    pub(crate) fn line(&self, case: &Case, row: &Row) -> String {
        let figure =
            if row.figure.contains('.') { row.figure.clone() } else { format!("{}.{}", case.name, row.figure) };
        let of = |side: &str| self.0.get(&(figure.clone(), side.to_owned()));
        let written = |side: &str| {
            let name = if ["built-in", "ours", "available"].contains(&side) { "" } else { side };
            let median = of(side).and_then(|values| median(values.values().copied()));
            median.map_or_else(String::new, |value| format!("{name} {}", write(value, row.unit)).trim().to_owned())
        };
        let ratios: Vec<f64> = match (of(&row.against), of(&row.ours)) {
            (Some(theirs), Some(ours)) => {
                let ratios = ours.iter().filter_map(|(pair, value)| Some(value / theirs.get(pair)?));
                ratios.filter(|ratio| ratio.is_finite()).collect()
            }
            _ => Vec::new(),
        };
        let range = median(ratios.iter().copied()).map_or_else(String::new, |middle| {
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let most = ratios.iter().copied().fold(0.0, f64::max);
            format!("{} ({}–{})", ratio(middle), ratio(least), ratio(most))
        });
        // Rounded, because two figures that are limited by the frame rate differ in the fifth digit.
        let shown = median(ratios.into_iter()).map(|middle| (middle * 1000.0).round() / 1000.0);
        let own = of(&row.ours).and_then(|values| median(values.values().copied()));
        let goals = [
            row.ratio_at_least.map(|least| (format!("≥ {least}"), shown.map(|middle| middle >= least))),
            row.ratio_at_most.map(|most| (format!("≤ {most}"), shown.map(|middle| middle <= most))),
            row.at_most.map(|most| (format!("≤ {}", write(most, row.unit)), own.map(|value| value <= most))),
        ];
        let (goal, reached) = goals.into_iter().flatten().next().unwrap_or_default();
        let verdict = match reached {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let cells = [&row.title, &written(&row.against), &written(&row.ours), &range, &goal, verdict];
        format!("| {} |", cells.join(" | "))
    }
}

fn parse(line: &str) -> Option<(&str, &str, usize, f64)> {
    let mut cells = line.strip_prefix("BENCH ")?.split('\t');
    let parsed = (cells.next()?, cells.next()?, cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
    Some(parsed)
}

/// The median. None for no values.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn ratio(value: f64) -> String {
    if value >= 10.0 { format!("{value:.1}") } else { format!("{value:.2}") }
}

fn write(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond if value >= 1e6 => format!("{:.2} M/s", value / 1e6),
        Unit::PerSecond => format!("{} /s", with_commas(value)),
        Unit::BytesPerSecond if value >= 1e7 => format!("{} MB/s", with_commas(value / 1e6)),
        Unit::BytesPerSecond => format!("{:.1} MB/s", value / 1e6),
        Unit::Microseconds if value >= 1e6 => format!("{:.2} s", value / 1e6),
        Unit::Microseconds if value >= 1e3 => format!("{:.2} ms", value / 1e3),
        Unit::Microseconds => format!("{value:.1} µs"),
        Unit::Nanoseconds => format!("{} ns", with_commas(value)),
        Unit::Bytes if value >= f64::from(1 << 20) => format!("{:.1} MiB", value / f64::from(1 << 20)),
        Unit::Bytes => format!("{:.1} KiB", value / 1024.0),
        Unit::Frames | Unit::Count => with_commas(value),
    }
}

/// An integer with commas between its thousands.
fn with_commas(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cases::Tables;
    use crate::workspace::Workspace;

    fn line(figures: &Figures, case: &str, row: usize) -> String {
        let cases = Tables::read(&Workspace::find().unwrap()).unwrap().table;
        let case = cases.iter().find(|known| known.name == case).unwrap();
        figures.line(case, &case.rows[row])
    }

    #[test]
    fn the_ratio_is_that_of_each_pair_and_not_of_the_medians() {
        let output = "noise\nBENCH identity.rate\tbuilt-in\t0\t1000000000\nBENCH identity.rate\tours\t0\t2000000000\n\
                      BENCH identity.rate\tbuilt-in\t1\t100000000\nBENCH identity.rate\tours\t1\t50000000\n\
                      BENCH identity.rate\tbuilt-in\t2\t10\nBENCH identity.rate\tours\t2\t30\n";
        assert_eq!(
            line(&Figures::read(output), "identity", 0),
            "| 512 MiB identity body, default chunk size | 100 MB/s | 50 MB/s | 2.00 (0.50–3.00) | ≥ 1 | yes |"
        );
    }

    #[test]
    fn what_was_not_measured_is_left_empty() {
        assert_eq!(line(&Figures::default(), "tls", 1), "| the same, beside curl |  |  |  | ≥ 0.95 |  |");
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!([with_commas(7.0), with_commas(1234.4), with_commas(1_234_567.0)], ["7", "1,234", "1,234,567"]);
    }
}
