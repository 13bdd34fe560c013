//! `barid audit`.

use barid_audit::{Bus, Report, Scope, audit};
use barid_event::topics::router_group;
use barid_schemas::Catalogue;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde_json::json;

use super::Outcome;
use crate::arguments::AuditArguments;
use crate::deployment::{Deployment, stop_on_signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;

pub(crate) fn run(arguments: &AuditArguments, deployment: &Deployment) -> Outcome {
    let scope = Scope {
        from_ms: arguments.from.as_deref().map(|text| instant("--from", text)).transpose()?,
        to_ms: arguments.to.as_deref().map(|text| instant("--to", text)).transpose()?,
        most_offenders: arguments.first,
    };
    if let (Some(from), Some(to)) = (scope.from_ms, scope.to_ms)
        && from >= to
    {
        return Err(Failure::new(Exit::Mistaken, "--from must be before --to: nothing lies between them"));
    }
    let stop = stop_on_signals()?;
    let (cluster, topics) = (deployment.reachable_cluster(&stop)?, deployment.topics()?);
    let bus = Bus {
        cluster: &cluster,
        topics: &topics,
        schemas: deployment.registry()?,
        router_group: router_group(&deployment.name()?),
        shared_catalogue: &Catalogue::shared(),
        now_ms: show::now().0,
    };
    let report = audit(&bus, scope, &stop)?;
    if arguments.json {
        show::line(json!(report))?;
    } else {
        print(&report)?;
    }
    Ok(if report.well { Exit::Done } else { Exit::Found })
}

/// An instant in RFC 3339, or the beginning of a day of the permits.
fn instant(flag: &str, text: &str) -> Result<i64, Failure> {
    let day = || {
        let zone = TimeZone::get("Asia/Tehran").ok()?;
        Some(text.parse::<civil::Date>().ok()?.to_zoned_datetime(zone).ok()?.timestamp())
    };
    let found = text.parse::<Timestamp>().ok().or_else(day);
    found.map(Timestamp::as_millisecond).ok_or_else(|| {
        let message = format!(
            "{flag}: `{text}` is neither a day nor an instant\n  \
             a day of Iran: 2026-11-29; an instant: 2026-11-29T08:30:00Z"
        );
        Failure::new(Exit::Mistaken, message)
    })
}

fn print(report: &Report) -> Result<(), Failure> {
    let counts = &report.counts;
    let rows = [
        ("events", counts.events),
        ("  not yet routed", counts.not_yet_routed),
        ("copies", counts.copies),
        ("  that permits give", counts.expected_copies),
        ("dead letters", counts.dead_letters),
        ("publishers", counts.publishers),
        ("policy versions", counts.policy_versions),
        ("watch keys", counts.watch_keys),
        ("files", counts.files),
        ("  rows of their last reading", counts.rows),
        ("rows in quarantine", counts.quarantined_rows),
        ("  that operators have settled", counts.settled_rows),
        ("published rows", counts.published_rows),
    ];
    show::line(show::table(
        &["looked at", ""],
        rows.iter().map(|(name, count)| [(*name).to_owned(), count.to_string()]),
    ))?;
    let unproved = unproved(report);
    if !unproved.is_empty() {
        let rows = unproved.iter().map(|(name, count)| [(*name).to_owned(), count.to_string()]);
        show::line(format!("\n{}", show::table(&["cannot be told from the topics", ""], rows)))?;
    }
    if !report.defects.is_empty() {
        let rows = report.defects.iter().map(|(defect, count)| [defect.in_words().to_owned(), count.to_string()]);
        show::line(format!("\n{}", show::table(&["found", ""], rows)))?;
        show::line(format!("\n{}", show::table(&["the first", "where", ""], report.offenders.iter().map(offender))))?;
    }
    let megabytes = report.memory_bytes.div_ceil(1_000_000);
    show::say(if report.well {
        format!("{} ({megabytes} MB of tables)", show::styled(show::GOOD, "all is well"))
    } else {
        let found = report.defects.values().sum::<u64>();
        let found = show::count(usize::try_from(found).unwrap_or(usize::MAX), "defect");
        format!(
            "{}: {found}\n  what decided about an event: barid explain EVENT --subscriber AGENCY",
            show::styled(show::BAD, "not well")
        )
    });
    Ok(())
}

fn offender(offender: &barid_audit::Offender) -> [String; 3] {
    let place = offender.place.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let defect = json!(offender.defect);
    [defect.as_str().unwrap_or_default().to_owned(), place, offender.detail.clone()]
}

/// What is there of what cannot be told.
fn unproved(report: &Report) -> Vec<(&'static str, u64)> {
    let unproved = &report.unproved;
    let all = [
        ("copies of events outside of the range, or deleted", unproved.copies_of_unread_events),
        ("copies that may have been deleted", unproved.deleted_copies),
        ("matches while a watch key changed", unproved.doubtful_matches),
        ("matches of watch keys that are gone", unproved.forgotten_matches),
        ("events too large to say whether they fit", unproved.large_events),
        ("dead letters of events outside of the range, or deleted", unproved.dead_letters_of_unread_events),
        ("dead letters that may have been deleted", unproved.deleted_dead_letters),
        ("numbers of ce_sequence that may have been deleted", unproved.deleted_numbers),
        ("published rows of events outside of the range, or deleted", unproved.rows_of_unread_events),
        ("files whose rows in quarantine were settled since", unproved.files_settled_since),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}
