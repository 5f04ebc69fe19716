//! Defaults from a file, behind what the command line says.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use ifr::config::{Config, MAX_CONFIG, Setting, SettingValue};

use super::Failure;

/// Ids of the arguments that say which file it is.
pub(crate) const FILE: &str = "config_file";
pub(crate) const NONE: &str = "no_config";

/// The file's name in the folder where a user's settings are.
const NAME: &str = "ifr.toml";

/// What the command line says, completed by the file of defaults; and the line so completed.
pub(crate) fn matches(command: &Command, args: &[OsString]) -> Result<(ArgMatches, Vec<OsString>), Failure> {
    let plain = |given| Ok((given, args.to_vec()));
    let given = command.clone().try_get_matches_from(args).unwrap_or_else(|e| e.exit());
    let Some((path, content)) = file(&given)? else { return plain(given) };
    let wrong = |what: &dyn std::fmt::Display| Failure::usage(format!("{}: {what}", path.display()));
    let config = Config::parse(&content).map_err(|e| wrong(&e))?;
    let mut built = command.clone();
    built.build();
    config.settings.iter().try_for_each(|setting| check(&built, setting)).map_err(|e| wrong(&e))?;
    let Some((name, values)) = given.subcommand() else { return plain(given) };
    let Some(subcommand) = built.find_subcommand(name) else { return plain(given) };
    let extra = extra(subcommand, values, &config);
    let Some(place) = place(args, name).filter(|_| !extra.is_empty()) else { return plain(given) };
    let all = [&args[..=place], &extra, &args[place + 1..]].concat();
    // Without the defaults there was nothing wrong, so it is them.
    let completed = command.clone().try_get_matches_from(&all).map_err(|e| {
        let text = e.to_string();
        let reason = text.lines().next().unwrap_or_default();
        wrong(&reason.strip_prefix("error: ").unwrap_or(reason))
    })?;
    Ok((completed, all))
}

/// The file and its content, if there is one.
fn file(given: &ArgMatches) -> Result<Option<(PathBuf, Vec<u8>)>, Failure> {
    // Global arguments are found at whatever level they were given.
    let values = given.subcommand().map_or(given, |(_, values)| values);
    if values.get_flag(NONE) {
        return Ok(None);
    }
    let asked = values.get_one::<PathBuf>(FILE);
    let Some(path) = asked.cloned().or_else(|| usual().filter(|path| path.is_file())) else {
        return Ok(None);
    };
    let failed = |e: &dyn std::fmt::Display| Failure::input(format!("defaults {}: {e}", path.display()));
    let size = fs::metadata(&path).map_err(|e| failed(&e))?.len();
    if size > MAX_CONFIG as u64 {
        return Err(failed(&format!("{size} bytes are too many; expected at most {MAX_CONFIG}")));
    }
    let content = fs::read(&path).map_err(|e| failed(&e))?;
    Ok(Some((path, content)))
}

/// Where the file is looked for.
fn usual() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let settings = if cfg!(windows) {
        folder("APPDATA")
    } else {
        // The XDG Base Directory Specification; a path that is not absolute is to be ignored.
        folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))
    };
    Some(settings?.join(NAME))
}

/// The option of a subcommand by its long name, if a file may set it.
fn option<'a>(subcommand: &'a Command, name: &str) -> Option<&'a Arg> {
    let settable = |arg: &&Arg| {
        !matches!(arg.get_id().as_str(), "help" | "version" | FILE | NONE) && arg.get_long().is_some()
    };
    let has = |arg: &&Arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
    };
    subcommand.get_arguments().filter(settable).find(has)
}

/// Whether a setting can be one of this program.
fn check(command: &Command, setting: &Setting) -> Result<(), String> {
    let name = setting.name();
    let found: Vec<&Arg> = match &setting.command {
        Some(sub) => {
            let subcommand = command.find_subcommand(sub).ok_or_else(|| {
                let all: Vec<&str> =
                    command.get_subcommands().map(Command::get_name).filter(|n| *n != "help").collect();
                format!("[{sub}]: no such subcommand; expected one of {}", all.join(", "))
            })?;
            let advice =
                || format!("{name}: 'ifr {sub}' has no option --{}; its --help lists them", setting.option);
            vec![option(subcommand, &setting.option).ok_or_else(advice)?]
        }
        None => command.get_subcommands().filter_map(|sub| option(sub, &setting.option)).collect(),
    };
    if found.is_empty() {
        return Err(format!(
            "{name}: no subcommand has an option --{name}; 'ifr SUBCOMMAND --help' lists them"
        ));
    }
    found.into_iter().try_for_each(|arg| match (arg.get_action(), &setting.value) {
        (ArgAction::SetTrue, SettingValue::Switch(_)) | (ArgAction::Append, SettingValue::Words(_)) => Ok(()),
        (ArgAction::SetTrue, _) => Err(format!("{name}: it is a switch; expected true or false")),
        (ArgAction::Count, value) => times(value).map(drop).map_err(|e| format!("{name}: {e}")),
        (_, SettingValue::Switch(_)) => {
            Err(format!("{name}: found true or false, expected a value, as --{} takes it", setting.option))
        }
        (_, SettingValue::Words(words)) if words.len() == 1 => Ok(()),
        (_, SettingValue::Words(words)) => Err(format!("{name}: found {} values, expected one", words.len())),
    })
}

/// How often an option that counts is given.
fn times(value: &SettingValue) -> Result<usize, String> {
    match value {
        SettingValue::Switch(on) => Ok(usize::from(*on)),
        SettingValue::Words(words) => match words.as_slice() {
            [word] => word.parse().ok().filter(|&n| n <= 3),
            _ => None,
        }
        .ok_or_else(|| "expected a number from 0 to 3".to_owned()),
    }
}

/// The settings that hold, as arguments: those for this subcommand before those for all, and none that the command line
/// sets, or contradicts.
fn extra(subcommand: &Command, values: &ArgMatches, config: &Config) -> Vec<OsString> {
    let explicit = |arg: &&Arg| {
        // Arguments of groups and such are unknown here.
        let known = values.try_contains_id(arg.get_id().as_str()).is_ok();
        known && values.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
    };
    let mut taken: Vec<&Arg> = subcommand.get_arguments().filter(explicit).collect();
    let mut extra = Vec::new();
    for own in [true, false] {
        let mut added = Vec::new();
        for setting in &config.settings {
            let meant = match &setting.command {
                Some(name) => own && subcommand.get_name() == name,
                None => !own,
            };
            let Some(arg) = option(subcommand, &setting.option).filter(|_| meant) else { continue };
            if taken.iter().any(|other| excludes(subcommand, arg, other)) {
                continue;
            }
            let long = format!("--{}", setting.option);
            match (arg.get_action(), &setting.value) {
                (ArgAction::Count, value) => {
                    extra.extend((0..times(value).unwrap_or(0)).map(|_| OsString::from(&long)));
                }
                (_, SettingValue::Switch(true)) => extra.push(long.into()),
                (_, SettingValue::Switch(false)) => {}
                (_, SettingValue::Words(words)) => {
                    extra.extend(words.iter().map(|word| OsString::from(format!("{long}={word}"))));
                }
            }
            added.push(arg);
        }
        taken.extend(added);
    }
    extra
}

/// Whether two arguments are one, or cannot stand together.
fn excludes(command: &Command, a: &Arg, b: &Arg) -> bool {
    let against =
        |a: &Arg, b: &Arg| command.get_arg_conflicts_with(a).iter().any(|c| c.get_id() == b.get_id());
    a.get_id() == b.get_id() || against(a, b) || against(b, a)
}

/// Where the subcommand's name stands among the arguments: before it there are only global options, one of them with a value.
fn place(args: &[OsString], name: &str) -> Option<usize> {
    let mut value = false;
    args.iter().enumerate().skip(1).find_map(|(i, arg)| {
        let is_value = std::mem::replace(&mut value, arg == "--config");
        (!is_value && arg == OsStr::new(name)).then_some(i)
    })
}
