//! `barid schemas check` and `register`.

use barid_schemas::{lint, records};

use super::Outcome;
use crate::arguments::{GlobalArguments, SchemasCommand};
use crate::deployment::Deployment;
use crate::exit::Exit;
use crate::show;

pub(crate) fn run(command: &SchemasCommand, global: &GlobalArguments) -> Outcome {
    match command {
        SchemasCommand::Check => check(),
        SchemasCommand::Register => register(&Deployment::load(global, None)?),
    }
}

fn check() -> Outcome {
    lint::check_all()?;
    show::say(format!("{} schemas: as released or compatible with every release", records::all().len()));
    Ok(Exit::Done)
}

fn register(deployment: &Deployment) -> Outcome {
    let registry = deployment.registry()?;
    let mut rows = Vec::new();
    for (subject, avsc) in records::all() {
        let id = registry.register(subject, avsc)?;
        let set = registry.ensure_full_transitive(subject)?;
        let compatibility = if set { "set to FULL_TRANSITIVE" } else { "FULL_TRANSITIVE" };
        rows.push([subject.to_owned(), id.to_string(), compatibility.to_owned()]);
    }
    show::line(show::table(&["subject", "id", "compatibility"], rows))?;
    Ok(Exit::Done)
}
