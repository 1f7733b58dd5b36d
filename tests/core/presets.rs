//! The presets: their names are valid, and the page docs/src/reference/presets.md is their table;
//! `BLESS=1 cargo test -p cors --test presets` writes it.

use std::collections::HashSet;

use cors::config::choices::Preset;
use cors::diagnostic::Severity;
use cors::policy::preset_reference::{Entry, PRESET_REFERENCE};
use cors::policy::presets::names;
use cors::select::policy_set::PolicySet;
use serde_json::json;

#[test]
fn every_preset_has_an_entry() {
    let presets: Vec<Preset> = Preset::CHOICES.iter().map(|(_, preset)| *preset).collect();
    let entries: Vec<Preset> = PRESET_REFERENCE.iter().map(|entry| entry.preset).collect();
    assert_eq!(entries, presets);
    assert!(Preset::WORDS.is_sorted());
    for entry in PRESET_REFERENCE {
        assert!(!entry.definitions.is_empty(), "{entry:?}");
        for page in entry.definitions {
            assert!(page.starts_with("https://"), "{page}");
        }
    }
}

/// What a preset adds is accepted without a remark where a configuration lists it.
#[test]
fn what_a_preset_adds_is_valid() {
    for (word, preset) in Preset::CHOICES {
        let added = preset.additions();
        let list = |text| names(text).collect::<Vec<_>>();
        for text in [added.methods, added.request_headers, added.exposed_headers] {
            let unique: HashSet<&str> = names(text).collect();
            assert_eq!(
                unique.len(),
                list(text).len(),
                "{word} repeats a name: {text}"
            );
            assert!(!text.contains("  "), "{word}: {text}");
        }
        if *preset == Preset::Open {
            continue;
        }
        let configuration = json!({
            "allowOrigins": ["https://a.example"],
            "allowMethods": list(added.methods),
            "allowHeaders": list(added.request_headers),
            "exposeHeaders": list(added.exposed_headers),
        });
        let (_, diagnostics) = PolicySet::from_bytes(configuration.to_string().as_bytes());
        let severities = [Severity::Error, Severity::Warning, Severity::Note];
        let remarks = severities
            .iter()
            .map(|severity| diagnostics.count(*severity));
        assert_eq!(remarks.sum::<usize>(), 0, "{word}: {diagnostics:?}");
    }
}

#[test]
fn the_page_is_the_table() {
    let page = [INTRODUCTION, &summary(), &sections()].concat();
    let file = support::root().join(PAGE);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &page).expect(PAGE);
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == page, "BLESS=1 renews {PAGE}");
}

fn summary() -> String {
    let rows = PRESET_REFERENCE.iter().map(|entry| {
        let word = word(entry.preset);
        format!(
            "| [`{word}`](#{word}) | {} | {} |\n",
            entry.protocol, entry.clients
        )
    });
    let rows: String = rows.collect();
    format!("\n| preset | protocol | clients |\n|---|---|---|\n{rows}")
}

fn sections() -> String {
    let section = |entry: &Entry| {
        let added = entry.preset.additions();
        let word = word(entry.preset);
        let list = |text| {
            let names: Vec<String> = names(text).map(|name| format!("`{name}`")).collect();
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        };
        let definitions: Vec<String> = entry
            .definitions
            .iter()
            .map(|page| format!("<{page}>"))
            .collect();
        let origins = if added.any_origin {
            "- Origins: any\n"
        } else {
            ""
        };
        format!(
            "\n## `{word}`\n\n{}.\n\n{origins}- Methods: {}\n- Request headers: {}\n- Exposed headers: {}\n\
             - Defined by: {}\n\n{}\n\n```json\n{}\n```\n",
            entry.protocol,
            list(added.methods),
            list(added.request_headers),
            list(added.exposed_headers),
            definitions.join(", "),
            entry.advice,
            entry.example,
        )
    };
    PRESET_REFERENCE.iter().map(section).collect()
}

fn word(preset: Preset) -> &'static str {
    let choice = Preset::CHOICES.iter().find(|(_, choice)| *choice == preset);
    choice.expect("a preset").0
}

const INTRODUCTION: &str = "# Presets

A preset adds to a policy the methods, request headers and exposed headers that the clients of a protocol need. It names
no origin and allows no credentials; only `open` allows origins. You can list several together with your own names; each name
counts once. `GET`, `HEAD` and `POST` are allowed anyway unless you list `allowMethods`. An entry such as `mcp-param-*`
is a [family](../how-to/header-families.md).

A preset allows what its protocol uses, and no more; what only some users of a protocol need is in its section.
`tests/browser/clients.rs` calls servers with the clients themselves, from a page in Chromium, under exactly the preset
and without it: `connect`, `grpc-web`, `llm`, `mcp`, `s3`, `tracing` and `tus`. The names of `a2a` and `signalr` are those
that their definitions and clients have. Written by `BLESS=1 cargo test -p cors --test presets`.
";

const PAGE: &str = "docs/src/reference/presets.md";
