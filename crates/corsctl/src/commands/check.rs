//! `corsctl check`: everything that is wrong with a configuration, before it is deployed.

use std::collections::HashSet;
use std::process::ExitCode;

use cors::config::fields::{POLICY_FIELDS, find};
use cors::config::json::Json;
use cors::diagnostic::{cut, join};
use cors::escape::Shown;
use serde::Serialize;

use crate::discover::automaton::Work;
use crate::discover::locate::{Configuration, Content, Found, each_policy, read};
use crate::discover::public_suffix::public_suffix_under_wildcard;
use crate::discover::regexes;
use crate::discover::slashes;
use crate::discover::surroundings::{self, Facts, Metadata, metadata_of};
use crate::input::cursor::Value;
use crate::input::files::{self, Input};
use crate::input::source::{InputError, Malformed, Source};
use crate::output::code::{Code, Level};
use crate::output::formats::print_problems;
use crate::output::results::Problem;
use crate::output::tree::Tree;
use crate::output::{BAD_INPUT, Output, REFUSED, Remark, at, color, print, print_error, with_code};

/// What to check, and how strictly.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Plugin JSON or YAML, or what contains it: an Envoy bootstrap, listeners or routes, a
    /// WasmPlugin, TrafficExtension, EnvoyFilter, EnvoyExtensionPolicy or ConfigMap; or a folder,
    /// of which every such file is checked; - is the standard input
    #[arg(required = true)]
    files: Vec<String>,

    /// Count warnings as errors, and what is not checked as a warning
    #[arg(long)]
    strict: bool,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Outcome<'n> {
    good: bool,
    files: Vec<File<'n>>,
}

#[derive(Serialize)]
struct File<'n> {
    file: String,
    configurations: Vec<Checked<'n>>,
    /// About what is around the configurations.
    findings: Vec<Finding>,
    /// Why there is nothing to check.
    unreadable: Option<Remark>,
}

/// A configuration, and all there is to say about it.
#[derive(Serialize)]
struct Checked<'n> {
    place: String,
    line: Option<usize>,
    good: bool,
    /// What the plugin gets; none if the text is not JSON.
    configuration: Option<Tree<'n>>,
    /// The plugin's own words for what it holds, if it takes it.
    summary: Option<String>,
    remarks: Vec<Remark>,
}

#[derive(Serialize)]
struct Finding {
    place: String,
    #[serde(flatten)]
    remark: Remark,
}

pub fn run(arguments: &Arguments, output: Output) -> ExitCode {
    let inputs: Result<Vec<_>, _> = arguments
        .files
        .iter()
        .map(|file| files::read(file))
        .collect();
    let inputs: Vec<Input> = match inputs {
        Ok(inputs) => inputs.into_iter().flatten().collect(),
        Err(failure) => {
            print_error(&failure.to_string());
            return ExitCode::from(BAD_INPUT);
        }
    };
    let (named, sources): (Vec<bool>, Vec<_>) = inputs
        .into_iter()
        .map(|input| (input.below.is_empty(), input.source))
        .unzip();
    let found: Vec<_> = sources
        .iter()
        .map(|source| source.as_ref().map(Found::within))
        .collect();
    let (metadata, facts) = metadata_of(&found);
    let mut work = Work::default();
    let mut result = Outcome {
        good: true,
        files: Vec::new(),
    };
    for (source, found) in sources.iter().zip(&found) {
        result.files.push(match (source, found) {
            (Ok(source), Ok(found)) => check(source, found, &metadata, &facts, &mut work),
            (Err(error), _) => File::unreadable(error),
            (_, Err(error)) => File::unreadable(error),
        });
    }
    // Of a folder only what concerns the plugin.
    let mut named = named.into_iter();
    result
        .files
        .retain(|file| named.next() == Some(true) || !file.is_empty());
    if result.files.is_empty() {
        let remark = Remark::of(Code::NoConfiguration, None, NOTHING_FOUND);
        result.files.push(File {
            file: arguments.files.join(", "),
            configurations: Vec::new(),
            findings: Vec::new(),
            unreadable: Some(remark),
        });
    }
    if result.files.iter().all(File::is_empty) {
        for file in result
            .files
            .iter_mut()
            .filter(|file| file.unreadable.is_none())
        {
            file.unreadable = Some(Remark::of(Code::NoConfiguration, None, NOTHING_FOUND));
        }
    }
    if arguments.strict {
        result.files.iter_mut().for_each(File::warn_of_unchecked);
    }
    let worst = result.files.iter().flat_map(File::severities).min();
    let is_unreadable = result.files.iter().any(|file| file.unreadable.is_some());
    let code = match worst {
        _ if is_unreadable => BAD_INPUT,
        Some(Level::Error) => REFUSED,
        Some(Level::Warning) if arguments.strict => REFUSED,
        _ => 0,
    };
    result.good = code == 0;
    match output {
        Output::Github | Output::Json | Output::Sarif => {
            print_problems(output, &result, String::new, || result.problems());
        }
        Output::Junit | Output::Text => {
            for file in &result.files {
                if let Some(remark) = &file.unreadable {
                    let none = Code::FileWithoutConfiguration.name();
                    let findings = file.findings.iter();
                    for Finding { place, remark } in
                        findings.filter(|finding| finding.remark.code != none)
                    {
                        print(&format!("{}\n", remark.show(&file.file, place)));
                    }
                    let text = format!("{}{}", at(&file.file, remark.line), remark.text);
                    print_error(&with_code(&text, remark.code));
                } else {
                    print(&file.text());
                }
            }
        }
    }
    ExitCode::from(code)
}

fn check<'n>(
    source: &Source,
    found: &'n Found,
    metadata: &Metadata,
    facts: &Facts,
    work: &mut Work,
) -> File<'n> {
    let malformed = source.malformed.iter();
    let malformed = malformed.map(|error| Finding {
        place: String::new(),
        remark: Remark::of(error.code, error.line, &error.text),
    });
    let findings = surroundings::findings(found, metadata, facts).into_iter();
    let findings = findings.map(|(place, remark)| Finding { place, remark });
    let configurations = found.configurations.iter();
    let mut file = File {
        file: source.name.clone(),
        configurations: configurations
            .map(|configuration| check_one(configuration, work))
            .collect(),
        findings: malformed.chain(findings).collect(),
        unreadable: None,
    };
    if file.is_empty() {
        let remark = Remark::of(Code::FileWithoutConfiguration, None, HOLDS_NONE);
        let place = String::new();
        file.findings.push(Finding { place, remark });
    }
    file
}

fn check_one<'n>(configuration: &'n Configuration, work: &mut Work) -> Checked<'n> {
    let (plugin, report) = read(configuration);
    let root = configuration.root();
    let line = |path: &str| match &root {
        Some(root) => root.line_of(path),
        None => configuration.line(),
    };
    let mut remarks = Remark::all(&report, line);
    if let Content::Text { value, .. } = &configuration.content {
        // The plugin names a line of the text; that of the file is known if the text is in literal style.
        let wrong = value.text().and_then(Malformed::of_json);
        let line = wrong
            .as_ref()
            .and_then(|wrong| value.lines.of_literal(wrong.line));
        if let (Some(wrong), Some(line), [remark]) = (wrong, line, remarks.as_mut_slice()) {
            remark.line = Some(line);
            remark.text = format!("the configuration {}", wrong.without_position());
        }
    }
    if let Some(key) = configuration.wrapper {
        let text = "is not a field of the plugin; write what it holds at the top level";
        let mut remark = Remark::of(Code::WrappedConfiguration, line(""), text);
        remark.path = key.to_owned();
        remarks.push(remark);
    }
    if let Some(root) = &root {
        let warnings = remarks.iter();
        let warnings = warnings.filter(|remark| remark.severity == Level::Warning);
        let mut own = Own {
            warned: warnings.map(|remark| remark.path.clone()).collect(),
            ..Own::default()
        };
        each_policy(root.node, "", &mut |path, policy| {
            own.find_public_suffixes(path, policy);
            own.judge_regexes(path, policy, work);
        });
        let escapes = plugin
            .iter()
            .flat_map(|plugin| slashes::escapes(plugin, root));
        own.remarks.extend(escapes.map(|escape| Remark {
            path: escape.path,
            value: escape.value,
            ..Remark::of(Code::ExactPathSlash, None, escape.text)
        }));
        // What the plugin says of an expression by its looks is said here with a proof.
        remarks.retain(|remark| {
            remark.severity != Level::Warning || !own.judged.contains(&remark.path)
        });
        remarks.extend(own.take().into_iter().map(|remark| Remark {
            line: line(&remark.path),
            ..remark
        }));
    }
    remarks.sort_by_key(|remark| remark.severity);
    let is_good = plugin.is_some() && configuration.wrapper.is_none();
    Checked {
        place: configuration.place.clone(),
        line: configuration.line(),
        good: is_good,
        configuration: match &configuration.content {
            Content::Absent(_) => Some(Tree(&NOTHING)),
            _ => configuration.node().map(Tree),
        },
        summary: plugin.filter(|_| is_good).map(|plugin| plugin.summary()),
        remarks,
    }
}

/// What the command finds in addition to what the plugin reports itself.
#[derive(Default)]
struct Own {
    remarks: Vec<Remark>,
    /// The paths about which the plugin warns.
    warned: HashSet<String>,
    /// The paths of regular expressions about which there is a remark.
    judged: HashSet<String>,
}

impl Own {
    /// Finds wildcards over a [public suffix](https://publicsuffix.org/): strangers have names below it.
    /// The list is too large for the module.
    fn find_public_suffixes(&mut self, path: &str, policy: &Value) {
        for (path, item) in items_of(path, policy, "allowOrigins") {
            if let Some(suffix) = public_suffix_under_wildcard(item.node) {
                let text = format!(
                    "allows strangers: under the public suffix {suffix} anybody can have a name; list the names that are yours"
                );
                let code = Code::PublicSuffix;
                self.add((code.level(), code.name()), path, &item, text);
            }
        }
    }

    fn judge_regexes(&mut self, path: &str, policy: &Value, work: &mut Work) {
        let credentials = policy.get("allowCredentials");
        let credentials = credentials.is_some_and(|value| *value.node == Json::Bool(true));
        for (path, item) in items_of(path, policy, "allowOriginRegexes") {
            let findings = item
                .text()
                .and_then(|source| regexes::judge(source, credentials, work));
            for finding in findings.unwrap_or_default() {
                // The plugin may know what was meant.
                if finding == regexes::Finding::MatchesNothing && self.warned.contains(&path) {
                    continue;
                }
                if finding != regexes::Finding::Undecided {
                    self.judged.insert(path.clone());
                }
                self.add(finding.code(), path.clone(), &item, finding.text());
            }
        }
    }

    fn add(
        &mut self,
        (level, code): (Level, &'static str),
        path: String,
        item: &Value,
        text: String,
    ) {
        self.remarks.push(Remark {
            path,
            value: cut(&item.node.to_string()),
            ..Remark::new(level, code, None, text)
        });
    }

    /// The remarks, up to as many of a severity as a report of the plugin has.
    fn take(self) -> Vec<Remark> {
        let mut taken = Vec::new();
        for severity in [Level::Warning, Level::Note] {
            let of_kind = || {
                let remarks = self.remarks.iter();
                remarks.filter(move |remark| remark.severity == severity)
            };
            taken.extend(of_kind().take(MAX_OWN).cloned());
            let more = of_kind().count().saturating_sub(MAX_OWN);
            if more > 0 {
                taken.push(Remark::more(severity, more, None));
            }
        }
        taken
    }
}

/// The items of a list of a policy, each with its path.
fn items_of<'v>(path: &str, policy: &Value<'v>, name: &str) -> Vec<(String, Value<'v>)> {
    let entries = policy.entries().into_iter();
    let lists =
        entries.filter(|(key, _)| find(POLICY_FIELDS, key).is_some_and(|field| field.name == name));
    lists
        .flat_map(|(key, list)| {
            let items = list.items().into_iter().enumerate();
            items.map(move |(index, item)| (format!("{}[{index}]", join(path, key)), item))
        })
        .collect()
}

impl Outcome<'_> {
    /// All remarks of all files.
    fn problems(&self) -> Vec<Problem> {
        let files = self.files.iter();
        files.flat_map(File::problems).collect()
    }
}

impl File<'_> {
    fn problems(&self) -> Vec<Problem> {
        let of_configurations = self.configurations.iter().flat_map(|checked| {
            let remarks = checked.remarks.iter();
            remarks.map(|remark| (checked.place.as_str(), remark))
        });
        let findings = self.findings.iter();
        let findings = findings.map(|finding| (finding.place.as_str(), &finding.remark));
        let unreadable = self.unreadable.iter().map(|remark| ("", remark));
        let all = of_configurations.chain(findings).chain(unreadable);
        all.map(|(place, remark)| remark.problem(&self.file, place))
            .collect()
    }

    /// A file that cannot be read, or whose text is an error like any other.
    fn unreadable(error: &InputError) -> Self {
        let remark = Remark::of(error.code, error.line, &error.text);
        let (findings, unreadable) = if error.code == Code::FileMalformed {
            let place = String::new();
            (vec![Finding { place, remark }], None)
        } else {
            (Vec::new(), Some(remark))
        };
        Self {
            file: error.file.clone(),
            configurations: Vec::new(),
            findings,
            unreadable,
        }
    }

    /// Whether there is no configuration of the plugin in it, nor a policy in a route.
    fn is_empty(&self) -> bool {
        let is_note = |finding: &Finding| finding.remark.severity == Level::Note;
        self.configurations.is_empty() && self.findings.iter().all(is_note)
    }

    /// What is not checked is not known to be good.
    fn warn_of_unchecked(&mut self) {
        for Finding { remark, .. } in &mut self.findings {
            if UNCHECKED.map(Code::name).contains(&remark.code) {
                remark.severity = Level::Warning;
            }
        }
    }

    fn severities(&self) -> impl Iterator<Item = Level> {
        let findings = self.findings.iter().map(|finding| &finding.remark);
        let remarks = self
            .configurations
            .iter()
            .flat_map(|checked| &checked.remarks);
        remarks.chain(findings).map(|remark| remark.severity)
    }

    /// The lines for the standard output.
    fn text(&self) -> String {
        let mut lines = Vec::new();
        for checked in &self.configurations {
            let (place, remarks) = (&checked.place, &checked.remarks);
            lines.extend(remarks.iter().map(|remark| remark.show(&self.file, place)));
            if let Some(summary) = &checked.summary {
                let colon = if place.is_empty() { "" } else { ": " };
                let at = at(&self.file, checked.line);
                lines.push(format!(
                    "{at}{} {}{colon}{summary}",
                    color("good:", 32),
                    Shown(place)
                ));
            }
        }
        let findings = self.findings.iter();
        lines.extend(findings.map(|finding| finding.remark.show(&self.file, &finding.place)));
        lines.into_iter().map(|line| line + "\n").collect()
    }
}

/// As many as a report of the plugin shows.
const MAX_OWN: usize = 20;
/// What says that something was not checked.
const UNCHECKED: [Code; 3] = [
    Code::FileWithoutConfiguration,
    Code::HigressPlugin,
    Code::NotChecked,
];
/// What a plugin without a configuration gets.
static NOTHING: Json = Json::Object(Vec::new());
const HOLDS_NONE: &str = "holds no configuration of the plugin";
const NOTHING_FOUND: &str =
    "holds no configuration of the plugin; to read another gateway's there is corsctl import";

const EXAMPLES: &str = "\
Examples:
  corsctl check cors.json
  corsctl check --strict envoy.yaml rds.yaml
  kubectl get wasmplugin cors -o yaml | corsctl check -

Exit codes: 0 good, 1 refused, not JSON or not YAML (or warnings under --strict), 2 bad usage or
nothing to check";
