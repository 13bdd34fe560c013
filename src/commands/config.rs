//! `barid config show` and `reference`.

use super::Outcome;
use crate::arguments::{ConfigCommand, GlobalArguments};
use crate::deployment::Deployment;
use crate::exit::Exit;
use crate::show;

pub(crate) fn run(command: &ConfigCommand, global: &GlobalArguments) -> Outcome {
    match command {
        ConfigCommand::Show => show_settings(&Deployment::load(global, None)?),
        ConfigCommand::Reference => {
            show::line(barid_config::reference().trim_end())?;
            Ok(Exit::Done)
        }
    }
}

fn show_settings(deployment: &Deployment) -> Outcome {
    let rows = deployment.resolved.show().into_iter().map(|row| {
        let origin = row.origin.map_or_else(|| "not set".to_owned(), |origin| origin.to_string());
        [row.key, row.value.unwrap_or_else(|| "-".to_owned()), origin]
    });
    show::line(show::table(&["setting", "value", "from"], rows))?;
    Ok(Exit::Done)
}
