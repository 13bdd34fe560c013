//! `barid config show`.

use super::Outcome;
use crate::deployment::Deployment;
use crate::exit::Exit;
use crate::show;

pub(crate) fn run(deployment: &Deployment) -> Outcome {
    let rows = deployment.resolved.show().into_iter().map(|row| {
        let origin = row.origin.map_or_else(|| "not set".to_owned(), |origin| origin.to_string());
        [row.key, row.value.unwrap_or_else(|| "-".to_owned()), origin]
    });
    show::line(show::table(&["setting", "value", "from"], rows))?;
    Ok(Exit::Done)
}
