//! The reference page, made from the table of settings, so that it cannot forget one.

use std::fmt::Write;

use crate::resolve::{Flags, Settings};
use crate::table::{SETTINGS, Setting};
use crate::written::sections;

/// A page in Markdown with every setting: meaning, kind, default, variable, flag and an example.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    for section in sections() {
        // Writing into a string cannot fail.
        let _ = write!(page, "\n## `[{section}]`\n");
        for setting in SETTINGS.iter().filter(|setting| setting.key.split('.').next() == Some(section)) {
            describe(&mut page, setting);
        }
    }
    page
}

const HEAD: &str = "# Settings

<!-- Made by `barid_config::reference()`: change the table there, not this page. -->

One TOML file describes a deployment (`barid.toml`; its first line is `version = 1`). The later wins, setting by setting:

1. the defaults that are built in,
2. the file,
3. environment variables: `BARID_`, then section and key in capitals with two underscores between them,
4. flags.

`barid config show` prints what is in force and where each value came from. An unknown key or variable is refused. Secrets come from a
file that a setting names, or from the environment, and are never printed; if a secret and its file come from different sources, the later wins.
";

fn describe(page: &mut String, setting: &Setting) {
    let name = setting.key.split_once('.').map_or(setting.key, |(_, name)| name);
    let _ = write!(page, "\n### `{name}`\n\n{}\n\n", setting.meaning);
    let _ = writeln!(page, "* value: {}", setting.describe_kind());
    match default_of(setting) {
        Some(default) => _ = writeln!(page, "* default: `{default}`"),
        None => page.push_str("* default: none\n"),
    }
    if !setting.kind.is_table() {
        let _ = writeln!(page, "* environment: `{}`", setting.variable());
    } else {
        let _ = writeln!(page, "* environment: `{}__<NAME>`", setting.variable());
    }
    if let Some(flag) = setting.flag {
        let _ = writeln!(page, "* flag: `{flag}`");
    }
    if !setting.is_secret() {
        let _ = writeln!(page, "* example: `{name} = {}`", setting.example);
    }
}

fn default_of(setting: &Setting) -> Option<String> {
    let defaults = Settings::resolve(None, &Default::default(), &Flags::new()).ok()?;
    defaults.show().into_iter().find(|row| row.key == setting.key).and_then(|row| row.value)
}
