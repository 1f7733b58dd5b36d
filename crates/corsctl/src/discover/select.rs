//! One configuration of a file, for the commands that work by one.

use cors::escape::Shown;
use cors::select::policy_set::PolicySet;

use crate::discover::locate::{Configuration, Found, read};
use crate::input::cursor::Value;
use crate::input::source::Source;
use crate::output::code::Code;
use crate::output::{Failure, at, with_code};

#[derive(clap::Args)]
pub struct Selection {
    /// The plugin's configuration, or a file that contains it; - is the standard input
    pub file: String,

    /// Where it is, or a part of that, if the file contains several: corsctl check names the places
    #[arg(long, value_name = "PLACE")]
    pub at: Option<String>,
}

/// Reads the selected configuration; the error is for the user.
pub fn plugin(selection: &Selection) -> Result<PolicySet, Failure> {
    plugin_with(selection, |_| ()).map(|(plugin, ())| plugin)
}

/// The same, with something made of the tree of the configuration, if it has any.
pub fn plugin_with<T>(
    selection: &Selection,
    visit: impl FnOnce(Option<&Value>) -> T,
) -> Result<(PolicySet, T), Failure> {
    let source = Source::read(&selection.file)?;
    let found = Found::within(&source);
    let wanted = selection.at.as_deref().unwrap_or_default();
    let file = at(&source.name, None);
    let configurations = found.configurations.iter();
    let mut chosen: Vec<_> = configurations
        .filter(|configuration| configuration.place.contains(wanted))
        .collect();
    // A whole place is meant before a part of one: "document 1" is not "document 10".
    if let Some(whole) = chosen.iter().find(|chosen| chosen.place == wanted) {
        chosen = vec![whole];
    }
    let configuration = match chosen.as_slice() {
        [configuration] => configuration,
        [] => {
            let place = if wanted.is_empty() {
                String::new()
            } else {
                format!(" at {}", Shown(wanted))
            };
            let text = format!("{file}holds no configuration of the plugin{place}");
            return Err(Failure::new(Code::NoConfiguration, text));
        }
        several => {
            let text = format!("{file}holds several configurations; choose one with --at:");
            let places = several.iter().map(|place| Shown(&place.place).to_string());
            return Err(Failure {
                list: places.collect(),
                ..Failure::new(Code::SeveralConfigurations, text)
            });
        }
    };
    let plugin = read_plugin(&source.name, configuration)?;
    Ok((plugin, visit(configuration.root().as_ref())))
}

/// Reads a configuration that the module takes; the error is for the user.
pub fn read_plugin(file: &str, configuration: &Configuration) -> Result<PolicySet, Failure> {
    let file = at(file, configuration.line());
    if let Some(key) = configuration.wrapper {
        let text = format!(
            "{file}{key}: is not a field of the plugin; write what it holds at the top level"
        );
        return Err(Failure::new(Code::WrappedConfiguration, text));
    }
    let (plugin, diagnostics) = read(configuration);
    plugin.ok_or_else(|| {
        let text = format!("{file}the plugin refuses this configuration:");
        let errors = diagnostics.errors();
        let errors = errors.map(|error| with_code(&error.to_string(), error.code.name()));
        Failure {
            list: errors.collect(),
            ..Failure::new(Code::ConfigurationRejected, text)
        }
    })
}
