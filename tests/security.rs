//! SECURITY.md names cases of the table as evidence: they must exist and show what it says.

use serde_json::json;

use support::table;

#[test]
fn every_bypass_that_security_md_names_is_refused() {
    let text = std::fs::read_to_string("SECURITY.md").expect("SECURITY.md");
    let (_, section) = text.split_once("## Known bypasses").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<_> = rows.skip(1).collect();
    assert!(rows.len() > 20, "only {} rows were found", rows.len());

    let groups = table::groups();
    for row in rows {
        // A bar within a cell is escaped.
        let cells = row.replace(r"\|", "\0");
        let cells = cells.split('|').map(|cell| cell.trim().trim_matches('`'));
        let cells: Vec<_> = cells.map(|cell| cell.replace('\0', "|")).collect();
        let [_, _, sent, configured, evidence, _] = &cells[..] else {
            panic!("not four cells: {row}");
        };
        let (group, name) = evidence.rsplit_once(" / ").expect(row);
        let group = groups.iter().find(|known| known.name == group).expect(row);
        assert!(
            configured.is_empty()
                || group
                    .config
                    .to_string()
                    .contains(&json!(configured).to_string()),
            "not configured: {row}"
        );
        let is_named = |case: &&table::Case| name == "*" || case.name == name;
        let cases: Vec<_> = group.cases.iter().filter(is_named).collect();
        assert!(!cases.is_empty(), "no such case: {row}");
        for case in cases {
            // A whole group shows the contrast too.
            let is_refused = case.verdict.starts_with("refused: ");
            assert!(is_refused || name == "*", "not refused: {row}");
            let is_granted = case
                .answer
                .headers
                .contains_key("access-control-allow-origin");
            assert_eq!(
                is_granted,
                case.verdict == "allowed",
                "{row}: {}",
                case.name
            );

            let origin = case.request.header("origin").unwrap_or_default();
            let escaped = table::bytes(origin).escape_ascii().to_string();
            let can_be_sent = ["", origin, &escaped, case.request.path()];
            assert!(can_be_sent.contains(&sent.as_str()), "not sent: {row}");
        }
    }
}
