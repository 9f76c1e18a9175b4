//! The signature in a library for macOS: whether the hashes in it are those of the file. Macs with Apple's processors end a program
//! that loads pages with other contents. Whose signature it is, if anybody's, is not asked here.
//!
//! Its numbers are big-endian. It is a list of blobs, of which one, the *code directory*, has a hash for each page of the file.

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

const LIST: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
const SHA_256: u8 = 2;

/// Checks the signature at this place of a library.
pub(crate) fn check(library: &[u8], offset: usize) -> Result<()> {
    let signature = library.get(offset..).context("the signature lies behind the end")?;
    ensure!(number(signature, 0)? == LIST, "this is no signature");
    let count = number(signature, 8)? as usize;
    for index in 0..count {
        let blob =
            signature.get(number(signature, 16 + 8 * index)? as usize..).context("a blob lies behind the end")?;
        if number(blob, 0)? == CODE_DIRECTORY {
            return check_pages(library, offset, blob);
        }
    }
    bail!("the signature has no code directory")
}

fn check_pages(library: &[u8], offset: usize, directory: &[u8]) -> Result<()> {
    let [size, kind, _, page] = *directory.get(36..40).context("the code directory is cut off")? else {
        unreachable!()
    };
    ensure!((size, kind) == (32, SHA_256), "the pages are hashed in another way than with SHA-256");
    ensure!(
        number(directory, 32)? as usize == offset,
        "the signature is for {} bytes, not {offset}",
        number(directory, 32)?
    );
    let hashes = directory.get(number(directory, 16)? as usize..).context("the hashes lie behind the end")?;
    let pages = library[..offset].chunks(1 << page.min(31));
    let count = number(directory, 28)? as usize;
    ensure!(pages.len() == count, "the signature is for {count} pages, and there are {}", pages.len());
    for (index, (page, hash)) in pages.zip(hashes.chunks(32)).enumerate() {
        ensure!(Sha256::digest(page)[..] == *hash, "page {index} is not the one that was signed");
    }
    ensure!(hashes.len() >= 32 * count, "hashes are missing");
    Ok(())
}

fn number(bytes: &[u8], at: usize) -> Result<u32> {
    let bytes = at.checked_add(4).and_then(|end| bytes.get(at..end)).context("the signature is cut off")?;
    Ok(u32::from_be_bytes(bytes.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    /// Some bytes, and a signature for them.
    fn signed(length: usize) -> Vec<u8> {
        let code: Vec<u8> = (0..length).map(|index| (index / 7) as u8).collect();
        let hashes: Vec<u8> = code.chunks(PAGE).flat_map(|page| Sha256::digest(page).to_vec()).collect();
        let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
        let pages = length.div_ceil(PAGE) as u32;
        let directory = [
            numbers(&[CODE_DIRECTORY, 44 + hashes.len() as u32, 0x20400, 2, 44, 0, 0, pages, length as u32]),
            vec![32, SHA_256, 0, 12, 0, 0, 0, 0],
            hashes,
        ]
        .concat();
        let list = numbers(&[LIST, 20 + directory.len() as u32, 1, 0, 20]);
        [code, list, directory].concat()
    }

    #[test]
    fn a_signature_holds_for_the_bytes_it_was_made_for_and_for_no_others() {
        let length = 3 * PAGE + 5;
        let library = signed(length);
        check(&library, length).unwrap();
        for changed in [0, PAGE, 2 * PAGE, length - 1] {
            let mut library = library.clone();
            library[changed] ^= 1;
            let error = check(&library, length).unwrap_err().to_string();
            assert_eq!(error, format!("page {} is not the one that was signed", changed / PAGE));
        }
    }

    #[test]
    fn a_signature_for_another_length_and_one_that_is_cut_off_are_refused() {
        let library = signed(PAGE);
        let longer = [&[0; PAGE][..], &library].concat();
        assert!(check(&longer, 2 * PAGE).unwrap_err().to_string().contains("is for 4096 bytes, not 8192"));
        for end in PAGE..library.len() {
            assert!(check(&library[..end], PAGE).is_err(), "{end} bytes");
        }
    }
}
