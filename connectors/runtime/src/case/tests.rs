//! What happens to the rows of an office that exports again and again.

mod again;
mod commands;
mod damage;
mod exports;
mod mends;
mod model;

use std::path::PathBuf;

use barid_event::Secret;
use barid_schemas::case_event::Transition;
use barid_schemas::records::{CaseState, QuarantineState, QuarantinedRow};
use barid_schemas::{CaseEvent, Catalogue, Millis};

use super::{CasePlan, Context};
use crate::reading::{FileReport, Memory, ROWS_HELD, ReadingError, Sink, read_file, read_quarantine};
use crate::source::{SourceFault, fingerprint};
use crate::{ConnectorConfig, Keys, load_config};

/// The catalogue of an office that does not exist.
const CATALOGUE: &str = r#"
[agency]
code = "harbour_office"
fa = "اداره بندر"
en = "Harbour office"
number = 99

[[service]]
code = "harbour_permit"
fa = "مجوز بندر"
en = "Harbour permit"
transitions = [
  { from = "submitted", to = "under_review", actor = "expert", basis = "as" },
  { from = "under_review", to = "approved", actor = "director", basis = "as" },
  { from = "under_review", to = "rejected", actor = "director", basis = "as" },
  { from = "approved", to = "issued", actor = "director", basis = "as" },
  { from = "issued", to = "suspended", actor = "director", basis = "as" },
  { from = "suspended", to = "issued", actor = "director", basis = "as" },
  { from = "suspended", to = "revoked", actor = "director", basis = "as" },
]

[[service]]
code = "harbour_fee"
fa = "عوارض بندر"
en = "Harbour fee"
transitions = [{ from = "fee_due", to = "fee_paid", actor = "applicant", basis = "as" }]
"#;

const CONNECTOR: &str = r#"
version = 1

[connector]
agency = "harbour_office"

[[source]]
name = "permits"
kind = "files"
path = "export.csv"
encoding = "utf-8"
separator = ";"

[source.case]
columns = ["شماره"]

[source.service]
column = "خدمت"
words = { "مجوز" = "harbour_permit", "عوارض" = "harbour_fee" }

[source.status]
column = "وضعیت"

[source.status.words.harbour_permit]
"ثبت" = "submitted"
"بررسی" = "under_review"
"موافقت" = "approved"
"رد" = "rejected"
"صدور" = "issued"
"تعلیق" = "suspended"
"ابطال" = "revoked"

[source.status.words.harbour_fee]
"بدهکار" = "fee_due"
"پرداخت" = "fee_paid"

[source.fields]
occurred_at = { column = "تاریخ", cast = "jalali_date" }
case_no = { column = "شماره" }
number = { column = "کد ملی" }
"person.name" = { column = "نام" }
"identity.idv_tracking_code" = { column = "کد رهگیری" }
"parcel.area_m2" = { column = "مساحت" }
"#;

const HEADER: &str = "شماره;خدمت;وضعیت;تاریخ;کد ملی;نام;کد رهگیری;مساحت";
/// A national id and a tracking code with right check digits; nobody has them.
const ID: &str = "9901001171";
const CODE: &str = "60014317002915";

/// An office with its memory, its folder and everything that it has published.
struct Office {
    config: ConnectorConfig,
    keys: Keys,
    now: Millis,
    rows_held: usize,
    memory: Memory,
    published: Vec<CaseEvent>,
    folder: tempfile::TempDir,
    /// Files are read again because the mapping is new.
    is_again: bool,
}

impl Office {
    fn open() -> Self {
        Self::with(CONNECTOR)
    }

    fn with(connector: &str) -> Self {
        let secret = |name: &str| Secret::from_bytes(format!("{name}, long enough for a key")).unwrap();
        Self {
            config: config(connector),
            keys: Keys { connector: secret("one"), correlation: secret("two"), watch: secret("three") },
            now: Millis(1_700_000_000_000),
            rows_held: ROWS_HELD,
            memory: Memory::default(),
            published: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
            is_again: false,
        }
    }

    /// Reads an export with these rows; the header is added. Gives the counts and the events of this reading.
    fn read(&mut self, rows: &[String]) -> (FileReport, Vec<CaseEvent>) {
        self.read_named("export.csv", &format!("{HEADER}\n{}\n", rows.join("\n")), None).unwrap()
    }

    fn read_named(
        &mut self,
        name: &str,
        text: &str,
        killed_after: Option<usize>,
    ) -> Result<(FileReport, Vec<CaseEvent>), Vec<SourceFault>> {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let context = Context {
            config: &self.config,
            keys: &self.keys,
            now: self.now,
            rows_held: self.rows_held,
            read_before: self.is_again.then(|| fingerprint(&path).unwrap()),
        };
        let mut writer = Writer { memory: &mut self.memory, events: Vec::new(), left: killed_after };
        let result = read_file(&context, &self.config.sources[0], &path, &mut writer);
        let events = writer.events;
        self.published.extend(events.iter().cloned());
        self.now.0 += 60_000;
        match result {
            Ok((report, _)) => {
                let counted = report.published + report.unchanged + report.quarantined + report.waiting;
                assert_eq!(report.rows, counted, "{report:?}");
                Ok((report, events))
            }
            Err(ReadingError::Sink(Killed)) => Ok((FileReport::default(), events)),
            Err(ReadingError::File(faults)) => Err(faults),
            Err(ReadingError::Changed | ReadingError::Stopped) => panic!("nobody changes the file"),
        }
    }

    /// What a reading goes by that looks at a file for the first time.
    fn context(&self) -> Context<'_> {
        Context { config: &self.config, keys: &self.keys, now: self.now, rows_held: self.rows_held, read_before: None }
    }

    /// Reads what is in quarantine again, as at the start of the process.
    fn resume(&mut self) -> Vec<CaseEvent> {
        let context = Context {
            config: &self.config,
            keys: &self.keys,
            now: self.now,
            rows_held: self.rows_held,
            read_before: None,
        };
        let mut writer = Writer { memory: &mut self.memory, events: Vec::new(), left: None };
        assert!(read_quarantine(&context, &mut writer).is_ok());
        self.published.extend(writer.events.iter().cloned());
        writer.events
    }

    /// What is known about a case.
    fn case(&self, case_key: &str) -> CaseState {
        self.memory.cases.get(case_key).unwrap()
    }

    fn in_quarantine(&self, state: QuarantineState) -> Vec<&QuarantinedRow> {
        self.memory.open_rows().filter(|row| row.state == state).collect()
    }

    /// The one problem in quarantine.
    fn problem(&self) -> (&QuarantinedRow, &barid_schemas::records::Problem) {
        let faulty = self.in_quarantine(QuarantineState::Faulty);
        assert_eq!(faulty.len(), 1, "{faulty:?}");
        assert_eq!(faulty[0].problems.len(), 1, "{:?}", faulty[0].problems);
        (faulty[0], &faulty[0].problems[0])
    }

    fn assert_nothing_twice(&self) {
        let mut ids: Vec<_> = self.published.iter().map(|event| event.event_id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), self.published.len(), "an event id came twice");
    }
}

/// The process was killed between two transactions.
#[derive(Debug)]
struct Killed;

struct Writer<'a> {
    memory: &'a mut Memory,
    events: Vec<CaseEvent>,
    left: Option<usize>,
}

impl Sink for Writer<'_> {
    type Error = Killed;

    fn memory(&self) -> &Memory {
        self.memory
    }

    fn take(&mut self, plan: CasePlan) -> Result<(), Killed> {
        match &mut self.left {
            Some(0) => return Err(Killed),
            Some(left) => *left -= 1,
            None => {}
        }
        self.memory.apply(&plan);
        self.events.extend(plan.events.into_iter().map(|planned| planned.event));
        Ok(())
    }
}

fn config(connector: &str) -> ConnectorConfig {
    let mut catalogue = Catalogue::shared();
    catalogue.add("catalogue.toml", CATALOGUE).unwrap();
    load_config(connector, "connector.toml".as_ref(), &catalogue).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// A row of the permit service.
fn row(case: &str, status: &str, date: &str) -> String {
    format!("{case};مجوز;{status};{date};{ID};نام نمونه;;100")
}

fn steps(events: &[CaseEvent]) -> Vec<(Option<&str>, &str, Transition)> {
    events
        .iter()
        .map(|event| (event.status_from.as_deref(), event.status_to.as_str(), event.transition.unwrap()))
        .collect()
}
