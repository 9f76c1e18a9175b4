//! What a built library says about itself: for which machine it is, what it gives to others and what it needs of them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use object::elf::{FileHeader32, FileHeader64};
use object::endian::Endianness;
use object::read::elf::{Dyn as _, ElfFile, FileHeader, ProgramHeader as _};
use object::read::macho::{FatArch as _, LoadCommandVariant, MachOFatFile32, MachOFile64};
use object::{Architecture, FileKind, Object};

use crate::signature;

/// A symbol that a library takes from another one; `library` is empty where the format does not say which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) library: String,
    pub(crate) name: String,
}

/// One library, or one processor's part of a universal one.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// As Godot calls it: `x86_64`, `arm64`.
    pub(crate) processor: String,
    /// In bytes.
    pub(crate) size: usize,
    pub(crate) exports: BTreeSet<String>,
    /// What must be there for it to be loaded.
    pub(crate) libraries: BTreeSet<String>,
    pub(crate) imports: BTreeSet<Import>,
    /// The largest pages that a system of the ELF kind may have for it, in bytes.
    pub(crate) page_size: Option<u64>,
    /// The newest glibc that something of it is taken from.
    pub(crate) glibc: Option<Version>,
    /// A signature as macOS wants it, be it of nobody (*ad hoc*), and what is wrong with it.
    pub(crate) signature: Option<Result<(), String>>,
    /// The oldest macOS or iOS that loads it.
    pub(crate) apple_minimum: Option<Version>,
}

/// A version of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.0, self.1)
    }
}

/// Reads a library: one part, or one for each processor.
pub(crate) fn parts_of(content: &[u8]) -> Result<Vec<Part>> {
    if FileKind::parse(content).context("this is not a library")? != FileKind::MachOFat32 {
        return Ok(vec![part_of(content)?]);
    }
    let fat = MachOFatFile32::parse(content).context("the universal library cannot be read")?;
    fat.arches().iter().map(|arch| part_of(arch.data(content)?)).collect()
}

fn part_of(content: &[u8]) -> Result<Part> {
    let file = object::File::parse(content).context("the library cannot be read")?;
    let processor = match file.architecture() {
        Architecture::X86_64 => "x86_64",
        Architecture::Aarch64 => "arm64",
        Architecture::Arm => "arm32",
        Architecture::I386 => "x86_32",
        other => bail!("the library is for a processor that Godot does not support: {other:?}"),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut part = Part {
        processor: processor.to_owned(),
        size: content.len(),
        exports: file.exports()?.iter().map(|export| text(export.name())).collect(),
        imports: file
            .imports()?
            .iter()
            .map(|import| Import { library: text(import.library()), name: text(import.name()) })
            .collect(),
        ..Part::default()
    };
    match FileKind::parse(content)? {
        FileKind::Elf64 => read_elf::<FileHeader64<Endianness>>(content, &mut part)?,
        FileKind::Elf32 => read_elf::<FileHeader32<Endianness>>(content, &mut part)?,
        FileKind::MachO64 => read_mach_o(content, &mut part)?,
        // Windows names the library with each symbol.
        FileKind::Pe32 | FileKind::Pe64 => {
            part.libraries = part.imports.iter().map(|import| import.library.to_lowercase()).collect();
        }
        other => bail!("no system that Godot supports loads this type of file: {other:?}"),
    }
    Ok(part)
}

fn read_elf<Header: FileHeader<Endian = Endianness>>(content: &[u8], part: &mut Part) -> Result<()> {
    let file = ElfFile::<Header>::parse(content)?;
    let endian = file.endian();
    let loaded = file.elf_program_headers().iter().filter(|header| header.p_type(endian) == object::elf::PT_LOAD);
    part.page_size = loaded.map(|header| header.p_align(endian).into()).min();
    let sections = file.elf_header().sections(endian, content)?;
    if let Some((entries, strings)) = sections.dynamic(endian, content)? {
        let strings = sections.strings(endian, content, strings)?;
        for entry in entries {
            if entry.d_tag(endian).into() == u64::from(object::elf::DT_NEEDED) {
                let offset = u32::try_from(entry.d_val(endian).into()).context("a library's name stands too far")?;
                let name = strings.get(offset).ok().context("a library without a name")?;
                part.libraries.insert(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
    if let Some((mut needs, strings)) = sections.gnu_verneed(endian, content)? {
        let strings = sections.strings(endian, content, strings)?;
        while let Some((_, mut versions)) = needs.next()? {
            while let Some(version) = versions.next()? {
                let name = version.name(endian, strings)?;
                part.glibc = part.glibc.max(glibc_version(&String::from_utf8_lossy(name)));
            }
        }
    }
    Ok(())
}

/// `GLIBC_2.17` or `GLIBC_2.2.5`.
fn glibc_version(name: &str) -> Option<Version> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some(Version(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn read_mach_o(content: &[u8], part: &mut Part) -> Result<()> {
    let file = MachOFile64::<Endianness>::parse(content)?;
    let endian = file.endian();
    let version = |number: u32| Version(number >> 16, number >> 8 & 0xff);
    let mut commands = file.macho_load_commands()?;
    while let Some(command) = commands.next()? {
        match command.variant()? {
            LoadCommandVariant::Dylib(dylib) => {
                let name = command.string(endian, dylib.dylib.name)?;
                part.libraries.insert(String::from_utf8_lossy(name).into_owned());
            }
            LoadCommandVariant::BuildVersion(build) => part.apple_minimum = Some(version(build.minos.get(endian))),
            LoadCommandVariant::VersionMin(minimum) => part.apple_minimum = Some(version(minimum.version.get(endian))),
            LoadCommandVariant::LinkeditData(data) if command.cmd() == object::macho::LC_CODE_SIGNATURE => {
                let checked = signature::check(content, data.dataoff.get(endian) as usize);
                part.signature = Some(checked.map(drop).map_err(|error| error.to_string()));
            }
            _ => {}
        }
    }
    // The format puts an underscore before the names of C.
    let plain = |name: &str| name.strip_prefix('_').unwrap_or(name).to_owned();
    part.exports = part.exports.iter().map(|name| plain(name)).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_in_a_symbols_version_is_read() {
        assert_eq!(glibc_version("GLIBC_2.2.5"), Some(Version(2, 2)));
        assert_eq!(glibc_version("GLIBC_2.28"), Some(Version(2, 28)));
        assert_eq!(glibc_version("GCC_3.0"), None);
        assert!(glibc_version("GLIBC_2.4") < glibc_version("GLIBC_2.17"));
    }

    #[test]
    fn what_is_no_library_is_an_error() {
        assert!(parts_of(b"not a library at all").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_program_needs_the_c_library_and_some_version_of_it() {
        let content = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let [part] = parts_of(&content).unwrap().try_into().unwrap();
        assert!(part.libraries.iter().any(|library| library.starts_with("libc.so")), "{:?}", part.libraries);
        assert!(part.glibc >= Some(Version(2, 2)), "{:?}", part.glibc);
        assert!(part.page_size.is_some_and(|size| size >= 4096 && size.is_power_of_two()), "{:?}", part.page_size);
    }
}
