//! Renders docs/ to HTML with mdBook.
//!
//!     book FOLDER [REPOSITORY]
//!
//! The pages link to files of the repository, which are not in FOLDER. Such a link leads to the file in the
//! playground, which `scripts/site` puts into the parent folder, or else to REPOSITORY, an address such as
//! `https://forge.example/owner/name`; without REPOSITORY its text stays without a link.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use mdbook_driver::MDBook;
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use pulldown_cmark::{Event, Options, Parser, Tag};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .context("usage: book FOLDER [REPOSITORY]")?;
    let repository = arguments.next().filter(|address| !address.is_empty());
    let mut book = MDBook::load("docs")?;
    book.config.build.build_dir = std::path::absolute(folder)?;
    book.with_preprocessor(Links { repository });
    book.build()
}

struct Links {
    repository: Option<String>,
}

impl Preprocessor for Links {
    fn name(&self) -> &'static str {
        "links"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        book.for_each_chapter_mut(|chapter| {
            if let Some(path) = &chapter.source_path {
                chapter.content = self.rewrite(&chapter.content, path);
            }
        });
        Ok(book)
    }
}

impl Links {
    fn rewrite(&self, text: &str, page: &Path) -> String {
        let page = Path::new("docs/src").join(page);
        let folder = page.parent().unwrap_or(&page);
        let mut rewritten = String::new();
        let mut end = 0;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let (Event::Start(Tag::Link { dest_url, .. })
            | Event::Start(Tag::Image { dest_url, .. })) = event
            else {
                continue;
            };
            // An image within a link was copied with it.
            if range.start < end || dest_url.contains(':') || dest_url.starts_with('#') {
                continue;
            }
            let linked = normalize(&folder.join(dest_url.as_ref()));
            if linked.starts_with("docs/src") {
                continue;
            }
            rewritten.push_str(&text[end..range.start]);
            rewritten.push_str(&self.link(&text[range.clone()], &dest_url, &linked, folder));
            end = range.end;
        }
        rewritten + &text[end..]
    }

    /// The link as Markdown, to the file in another place.
    fn link(&self, link: &str, target: &str, file: &Path, folder: &Path) -> String {
        let replace = |with: &str| link.replacen(&format!("]({target})"), &format!("]({with})"), 1);
        if let Ok(file) = file.strip_prefix("playground") {
            let depth = folder.components().count() - Path::new("docs").components().count();
            return replace(&format!("{}{}", "../".repeat(depth), file.display()));
        }
        match &self.repository {
            Some(repository) => replace(&format!("{repository}/blob/HEAD/{}", file.display())),
            None => {
                let text = link.trim_start_matches(['!', '[']);
                text.split("](").next().unwrap_or(text).to_owned()
            }
        }
    }
}

/// The path without `..` and `.`.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            component => normal.push(component),
        }
    }
    normal
}
