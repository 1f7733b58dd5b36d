//! Lines of logs of any size, one at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

/// The lines of several files, one after the other.
pub struct Lines<'f> {
    files: std::slice::Iter<'f, String>,
    current: Option<(&'f str, BufReader<Box<dyn Read>>)>,
    line: Vec<u8>,
    /// The number of the line in its file.
    pub number: u64,
    /// The bytes read so far.
    pub read: u64,
    /// The size of all files; `None` if one of them is not a regular file.
    pub size: Option<u64>,
}

/// A line, and where it is.
pub struct Line<'l> {
    pub file: &'l str,
    pub number: u64,
    /// The text without its end; `None` if it is longer than any line of an access log.
    pub bytes: Option<&'l [u8]>,
}

impl<'f> Lines<'f> {
    pub fn of(files: &'f [String]) -> Self {
        let size = |file: &String| {
            let metadata = std::fs::metadata(file).ok().filter(|_| file != "-")?;
            metadata.is_file().then_some(metadata.len())
        };
        Self {
            files: files.iter(),
            current: None,
            line: Vec::new(),
            number: 0,
            read: 0,
            size: files.iter().map(size).sum(),
        }
    }

    /// The next line; the error is for the user.
    pub fn next(&mut self) -> Result<Option<Line<'_>>, String> {
        loop {
            if self.current.is_none() {
                let Some(file) = self.files.next() else {
                    return Ok(None);
                };
                let reader = open(file).map_err(|error| error.text(file))?;
                self.current = Some((file, reader));
                self.number = 0;
            }
            let Some((file, reader)) = &mut self.current else {
                return Ok(None);
            };
            let file = *file;
            self.line.clear();
            let failed = |error: io::Error| Unreadable::Failed(error).text(file);
            let limit = MAX_LINE as u64;
            let read = reader.take(limit).read_until(b'\n', &mut self.line);
            let mut read = read.map_err(failed)? as u64;
            if read == 0 {
                self.current = None;
                continue;
            }
            self.number += 1;
            let has_end = self.line.last() == Some(&b'\n');
            let is_long = read == limit && !has_end;
            if is_long {
                read += reader.skip_until(b'\n').map_err(failed)? as u64;
            }
            self.read += read;
            let text = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            return Ok(Some(Line {
                file: name_of(file),
                number: self.number,
                bytes: (!is_long).then_some(text),
            }));
        }
    }
}

enum Unreadable {
    Failed(io::Error),
    Compressed(&'static str),
}

impl Unreadable {
    fn text(&self, file: &str) -> String {
        match self {
            Self::Failed(error) => format!("{}: cannot be read: {error}", name_of(file)),
            Self::Compressed(program) => {
                let argument = if file == "-" { "FILE" } else { file };
                format!(
                    "{}: is compressed; pipe its text: {program} {argument} | corsctl learn -",
                    name_of(file)
                )
            }
        }
    }
}

/// A file as messages name it.
fn name_of(file: &str) -> &str {
    if file == "-" { "<stdin>" } else { file }
}

fn open(file: &str) -> Result<BufReader<Box<dyn Read>>, Unreadable> {
    let input: Box<dyn Read> = if file == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(Unreadable::Failed)?)
    };
    let mut reader = BufReader::with_capacity(BUFFER, input);
    let start = reader.fill_buf().map_err(Unreadable::Failed)?;
    let mut compressed = COMPRESSED.iter();
    match compressed.find(|(mark, _)| start.starts_with(mark)) {
        Some((_, program)) => Err(Unreadable::Compressed(program)),
        None => Ok(reader),
    }
}

/// What compressed files begin with, and the program that reads them.
const COMPRESSED: [(&[u8], &str); 3] = [
    (&[0x1f, 0x8b], "zcat"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstdcat"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xzcat"),
];

const BUFFER: usize = 256 * 1024;

/// Envoy takes headers of 60 KiB.
const MAX_LINE: usize = 128 * 1024;
