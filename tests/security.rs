//! SECURITY.md names cases of the table as evidence: they have to be there.

mod support;

use support::table;

#[test]
fn every_case_that_security_md_names_is_in_the_table() {
    let text = std::fs::read_to_string("SECURITY.md").expect("SECURITY.md");
    let groups = table::groups();
    let rows = text
        .lines()
        .filter_map(|line| line.strip_suffix("` |")?.rsplit_once("| `"))
        .map(|(_, name)| name);
    let mut count = 0;
    for name in rows {
        let (group, case) = name.rsplit_once(" / ").expect(name);
        let group = groups.iter().find(|known| known.name == group);
        let group = group.unwrap_or_else(|| panic!("no group of {name}"));
        let is_there = case == "*" || group.cases.iter().any(|known| known.name == case);
        assert!(is_there, "no case {name}");
        count += 1;
    }
    assert!(count > 20, "only {count} rows were found");
}
