//! A file in a zip archive, wherever it is there: in folders, and in zip archives within the archive.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::error::{DataError, shorten};

/// What the files of an archive together may unpack to at most: 256 MiB.
const UNPACKED_LIMIT: u64 = 256 << 20;
/// What they may unpack to for each byte of the archive. Those of the data sets here unpack to 10.
const MOST_COMPRESSION: u64 = 64;
/// What they may unpack to at any rate: 1 MiB.
const ALWAYS_UNPACKED: u64 = 1 << 20;
/// Files in an archive at most; each costs hundreds of bytes before it is looked at.
const MOST_FILES: usize = 10_000;
/// Archives within archives at most, the outermost counted.
const DEEPEST: usize = 3;

/// Opens an archive that claims no more files than is bearable.
pub(super) fn open(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, String> {
    // The directory has an entry for each, which begins so.
    if bytes.windows(4).filter(|window| window == b"PK\x01\x02").count() > MOST_FILES {
        return Err(format!("more than {MOST_FILES} files"));
    }
    ZipArchive::new(Cursor::new(bytes)).map_err(|cause| cause.to_string())
}

/// How many bytes an archive of this length may unpack to.
pub(super) fn unpacked_limit(length: usize) -> u64 {
    ALWAYS_UNPACKED.max(length as u64 * MOST_COMPRESSION).min(UNPACKED_LIMIT)
}

/// The file called `member`, whatever the case of its letters, and what to call it: the least deep one if there are several.
///
/// # Errors
///
/// A damaged archive, one without that file, or more bytes than [`unpacked_limit`].
pub(super) fn find(origin: &str, bytes: &[u8], member: &str) -> Result<(String, Vec<u8>), DataError> {
    let limit = unpacked_limit(bytes.len());
    let mut search = Search { member, limit, left: limit, seen: Vec::new(), damaged: None };
    if let Some(found) = search.within(origin, bytes, 1)? {
        return Ok(found);
    }
    if let Some(damaged) = search.damaged {
        return Err(damaged);
    }
    let found = if search.seen.is_empty() { "nothing".to_string() } else { shorten(&search.seen.join(", ")) };
    Err(DataError::NotInArchive { file: origin.to_string(), member: member.to_string(), found })
}

struct Search<'a> {
    member: &'a str,
    limit: u64,
    /// Bytes that may still be unpacked.
    left: u64,
    /// Names of all files seen.
    seen: Vec<String>,
    /// What is wrong with the first inner archive that cannot be read.
    damaged: Option<DataError>,
}

impl Search<'_> {
    fn within(
        &mut self,
        origin: &str,
        bytes: &[u8],
        depth: usize,
    ) -> Result<Option<(String, Vec<u8>)>, DataError> {
        let damaged = |cause: String| DataError::Archive { file: origin.to_string(), cause };
        let mut archive = open(bytes).map_err(damaged)?;
        // Names as they are: which encoding they have is of no interest to what is looked for.
        let mut names: Vec<(usize, String)> = archive
            .file_names_raw()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .enumerate()
            .collect();
        names.retain(|(_, name)| !name.starts_with("__MACOSX/"));
        self.seen.extend(names.iter().map(|(_, name)| name.clone()));
        names.sort_by_key(|(_, name)| name.matches(['/', '\\']).count());
        if let Some((index, name)) = names.iter().find(|(_, name)| base(name) == self.member.to_lowercase()) {
            let name = format!("{} in {origin}", base_of(name));
            return Ok(Some((name.clone(), self.unpack(&name, &mut archive, *index)?)));
        }
        if depth == DEEPEST {
            return Ok(None);
        }
        for (index, name) in names.iter().filter(|(_, name)| base(name).ends_with(".zip")) {
            let name = format!("{} in {origin}", base_of(name));
            let inner = self.unpack(&name, &mut archive, *index);
            match inner.and_then(|inner| self.within(&name, &inner, depth + 1)) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error @ DataError::TooLarge { .. }) => return Err(error),
                // Another one may hold the file.
                Err(error) => self.damaged = self.damaged.take().or(Some(error)),
            }
        }
        Ok(None)
    }

    /// Unpacks, counting: the size an archive claims need not be true.
    fn unpack(
        &mut self,
        file: &str,
        archive: &mut ZipArchive<Cursor<&[u8]>>,
        index: usize,
    ) -> Result<Vec<u8>, DataError> {
        let damaged = |cause: String| DataError::Archive { file: file.to_string(), cause };
        let part = archive.by_index(index).map_err(|cause| damaged(cause.to_string()))?;
        let mut content = Vec::new();
        part.take(self.left + 1).read_to_end(&mut content).map_err(|cause| damaged(cause.to_string()))?;
        self.left = self
            .left
            .checked_sub(content.len() as u64)
            .ok_or_else(|| DataError::TooLarge { file: file.to_string(), limit: self.limit })?;
        Ok(content)
    }
}

/// The name without its folders.
fn base_of(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

fn base(name: &str) -> String {
    base_of(name).to_lowercase()
}
