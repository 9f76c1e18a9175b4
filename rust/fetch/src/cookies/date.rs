//! Parses the date of `Expires`, which servers write in many forms (RFC 6265bis §5.1.1): four tokens in any order.

use std::time::{Duration, SystemTime};

/// Returns the time of a date, or `None` if it is invalid. Dates before 1970 become 1970, which is also in the past.
pub(super) fn read(text: &str) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.as_bytes().split(|byte| is_delimiter(*byte)).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = read_time(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = read_month(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2, 4)
        {
            year = Some(match found {
                70..=99 => found + 1900,
                0..=69 => found + 2000,
                _ => found,
            });
        }
    }
    let ((hour, minute, second), day, month, year) = (time?, day?, month?, year?);
    if hour > 23 || minute > 59 || second > 59 || year < 1601 || day < 1 || day > days_in(month, year) {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// Reads three numbers of one or two digits with colons between them. Anything may follow.
fn read_time(token: &[u8]) -> Option<(u32, u32, u32)> {
    let mut parts = token.splitn(3, |byte| *byte == b':');
    let hour = whole_number(parts.next()?)?;
    let minute = whole_number(parts.next()?)?;
    Some((hour, minute, number(parts.next()?, 1, 2)?))
}

fn whole_number(text: &[u8]) -> Option<u32> {
    number(text, 1, 2).filter(|_| text.iter().all(u8::is_ascii_digit))
}

/// Reads the digits at the start of `text`, if their number is in the range. Anything may follow.
fn number(text: &[u8], least: usize, most: usize) -> Option<u32> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (least..=most)
        .contains(&digits)
        .then(|| text[..digits].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

fn read_month(token: &[u8]) -> Option<u32> {
    const MONTHS: [&[u8]; 12] =
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    let start = token.get(..3)?.to_ascii_lowercase();
    MONTHS.iter().position(|month| *month == start).map(|at| at as u32 + 1)
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let before = i64::from(year) - 1;
    let years = before * 365 + before / 4 - before / 100 + before / 400;
    let months: u32 = (1..month).map(|month| days_in(month, year)).sum();
    // 1970 is 719,162 days after the first day of year 1.
    years + i64::from(months + day - 1) - 719_162
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::read;

    fn seconds(text: &str) -> Option<u64> {
        Some(read(text)?.duration_since(SystemTime::UNIX_EPOCH).expect("not before 1970").as_secs())
    }

    #[test]
    fn dates_are_read_in_every_way_that_servers_write_them() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 nov 1994 8:49:37",
            "1994 November 6th 08:49:37.5 UTC",
            "08:49:37;06;NOV;1994",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Thu, 01 Jan 1601 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("29 Feb 2024 00:00:00"), Some(1_709_164_800));
        assert_eq!(seconds("01 Jan 69 00:00:00"), Some(3_124_224_000), "2069");
        assert_eq!(seconds("31 Dec 9999 23:59:59"), Some(253_402_300_799));
    }

    #[test]
    fn every_day_of_four_hundred_years_follows_the_one_before() {
        let mut expected = SystemTime::UNIX_EPOCH;
        for year in 1970..2370 {
            for (month, name) in
                ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].iter().enumerate()
            {
                for day in 1..=super::days_in(month as u32 + 1, year) {
                    assert_eq!(read(&format!("{day} {name} {year} 00:00:00")), Some(expected));
                    expected += Duration::from_secs(86_400);
                }
            }
        }
    }

    #[test]
    fn what_names_no_day_is_no_date() {
        for text in [
            "",
            "tomorrow",
            "06 Nov 1994",
            "Nov 1994 08:49:37",
            "06 1994 08:49:37",
            "06 Nov 08:49:37",
            "00 Nov 1994 08:49:37",
            "31 Nov 1994 08:49:37",
            "29 Feb 2023 08:49:37",
            "06 Nov 1600 08:49:37",
            "06 Nov 1994 24:00:00",
            "06 Nov 1994 08:60:00",
            "06 Nov 1994 08:49:60",
            "06 Nov 1994 08:49",
            "06 Nov 1994 008:49:37",
            "06 Nov 19940 08:49:37",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
