//! Files by name, and the files of folders that may concern the plugin.

use std::fs;
use std::path::{Path, PathBuf};

use cors::escape::Shown;

use crate::input::source::{InputError, Source, mentions_policy_field};
use crate::output::Failure;
use crate::output::code::Code;

/// One file of those that a user names.
pub struct Input {
    /// Its path below the folder that is named; empty if the file itself is named.
    pub below: String,
    pub source: Result<Source, InputError>,
}

/// Reads a file, or all files of a folder that may hold a configuration: of JSON and YAML those that
/// mention CORS. Hidden ones are skipped, and what is not text.
pub fn read(path: &str) -> Result<Vec<Input>, Failure> {
    let folder = Path::new(path);
    if path == "-" || !folder.is_dir() {
        return Ok(vec![Input {
            below: String::new(),
            source: Source::read(path),
        }]);
    }
    let mut files = Vec::new();
    collect(folder, &mut files, 0).map_err(|text| {
        let text = format!("{}: {text}", Shown(path));
        Failure::new(Code::FileUnreadable, text)
    })?;
    files.sort();
    let inputs = files.into_iter().filter_map(|file| {
        let text = fs::read(&file)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())?;
        let names_fields = mentions_policy_field(&text);
        let lower = text.to_ascii_lowercase();
        if !names_fields && !lower.contains("cors") && !lower.contains("presets") {
            return None;
        }
        let source = Source::of_text(&file.to_string_lossy(), &text);
        // Most files of a repository are not for the plugin, and some are templates.
        if source.is_err() && !names_fields {
            return None;
        }
        let below = file.strip_prefix(folder).unwrap_or(&file);
        Some(Input {
            below: below.to_string_lossy().into_owned(),
            source,
        })
    });
    Ok(inputs.collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>, depth: usize) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') || name == "node_modules" {
            continue;
        }
        // A folder behind a link may be one that is looked through already.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth < MAX_DEPTH {
                collect(&path, files, depth + 1)?;
            }
            continue;
        }
        let is_meant = [".json", ".yaml", ".yml"]
            .iter()
            .any(|end| name.ends_with(end));
        let is_small = |path: &Path| {
            let kind = fs::metadata(path);
            kind.is_ok_and(|kind| kind.is_file() && kind.len() <= Source::MAX_LENGTH)
        };
        if is_meant && is_small(&path) {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            return Err(format!(
                "has more than {MAX_FILES} files of JSON or YAML; name the files"
            ));
        }
    }
    Ok(())
}

const MAX_DEPTH: usize = 64;
const MAX_FILES: usize = 100_000;
