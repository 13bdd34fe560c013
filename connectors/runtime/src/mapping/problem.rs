//! What can be wrong with a row, in words for the office that owns it.
//!
//! The texts name the value and the cure; they go to the quarantine and to `--dry-run` only. Logs and metrics carry the
//! reason code alone. The codes are stable.

use barid_mistake::nearest;
use barid_schemas::records::Problem;

use crate::cast::CastFault;
use crate::reason::reasons;
use crate::source::SourceFault;

reasons! {
    /// What is wrong with a row whose cells can be read.
    pub(crate) enum RowReason {
        MissingCase = "missing_case",
        MissingService = "missing_service",
        MissingStatus = "missing_status",
        MissingDate = "missing_date",
        /// A field that the mapping calls `required`.
        MissingValue = "missing_value",
        UnknownService = "unknown_service",
        UnknownStatus = "unknown_status",
        UnknownCounty = "unknown_county",
        UnknownAgency = "unknown_agency",
        /// No record could hold it.
        TooLarge = "row_too_large",
        ImpossibleTransition = "impossible_transition",
        RepeatedStatus = "repeated_status",
        ServiceChanged = "service_changed",
    }
}

/// A fault of one cell.
pub(super) fn of_cast(column: &str, value: &str, fault: CastFault) -> Problem {
    Problem {
        reason: fault.reason.code().to_owned(),
        column: Some(column.to_owned()),
        value: Some(value.to_owned()),
        message_en: format!("{}; {}", fault.message_en, fault.cure_en),
        message_fa: format!("{}؛ {}", fault.message_fa, fault.cure_fa),
    }
}

/// A row that the reader could not take apart.
pub(crate) fn of_source(fault: &SourceFault) -> Problem {
    Problem {
        reason: fault.reason.code().to_owned(),
        column: fault.column.clone(),
        value: None,
        message_en: format!("{}; {}", fault.message_en, fault.cure_en),
        message_fa: format!("{}؛ {}", fault.message_fa, fault.cure_fa),
    }
}

/// A column that every row must fill is empty.
pub(super) fn empty(reason: RowReason, column: &str, what_en: &str, what_fa: &str) -> Problem {
    Problem {
        reason: reason.code().to_owned(),
        column: Some(column.to_owned()),
        value: None,
        message_en: format!("column `{column}` is empty, but it tells {what_en}; fill it in and export again"),
        message_fa: format!(
            "ستون «{column}» خالی است، ولی {what_fa} از آن خوانده می‌شود؛ آن را پر کنید و دوباره خروجی بگیرید"
        ),
    }
}

/// A word that no table of the mapping knows.
pub(super) fn unknown_word(
    reason: RowReason,
    column: &str,
    value: &str,
    (what_en, what_fa): (&str, &str),
    table: &str,
    known: &[String],
) -> Problem {
    let near = nearest(value, known.iter().map(String::as_str));
    let (near_en, near_fa) = near.map_or_else(Default::default, |near| {
        (format!(" (did you mean `{near}`?)"), format!(" (آیا «{near}» منظور است؟)"))
    });
    Problem {
        reason: reason.code().to_owned(),
        column: Some(column.to_owned()),
        value: Some(value.to_owned()),
        message_en: format!(
            "`{value}` is not a known {what_en}{near_en}; mend the word in the source, or add it to `{table}` in connector.toml"
        ),
        message_fa: format!(
            "«{value}» {what_fa} شناخته‌شده‌ای نیست{near_fa}؛ واژه را در مبدأ درست کنید یا آن را در connector.toml به «{table}» بیفزایید"
        ),
    }
}

/// Reason code of a row that no record could hold.
pub(crate) const ROW_TOO_LARGE: &str = RowReason::TooLarge.code();

/// The row is too large; the cell that is the largest is named and not quoted.
pub(crate) fn row_too_large(column: &str, most_kib: usize) -> Problem {
    Problem {
        reason: ROW_TOO_LARGE.to_owned(),
        column: Some(column.to_owned()),
        value: None,
        message_en: format!(
            "the row is larger than {most_kib} KiB; shorten what stands in `{column}`, or look for a quote that was not closed, and export again"
        ),
        message_fa: format!(
            "ردیف از {most_kib} کیلوبایت بزرگ‌تر است؛ محتوای «{column}» را کوتاه کنید یا گیومه بسته‌نشده را بیابید و دوباره خروجی بگیرید"
        ),
    }
}

/// The state machine does not allow what the row says.
pub(crate) fn machine_problem(column: &str, value: &str, service: &str, rule: &MachineRule<'_>) -> Problem {
    let (reason, en, fa) = match *rule {
        MachineRule::Unreachable { from, to } => (
            RowReason::ImpossibleTransition,
            format!("`{service}` has no way from `{from}` to `{to}`"),
            format!("در «{service}» راهی از «{from}» به «{to}» نیست"),
        ),
        MachineRule::Repeated { status } => (
            RowReason::RepeatedStatus,
            format!("the case is `{status}` already, and `{service}` has no way back to it"),
            format!("پرونده هم‌اکنون «{status}» است و در «{service}» راهی برای بازگشت به آن نیست"),
        ),
        MachineRule::TooLate { status, next } => (
            RowReason::ImpossibleTransition,
            format!(
                "the row is older than what is published, and `{service}` has no way from `{status}` to `{next}`, \
                 which the case had afterwards"
            ),
            format!(
                "ردیف از آنچه منتشر شده قدیمی‌تر است و در «{service}» راهی از «{status}» به «{next}» که پرونده پس از آن داشته نیست"
            ),
        ),
        MachineRule::OtherService { known } => (
            RowReason::ServiceChanged,
            format!("the case was published under `{known}`, this row belongs to `{service}`"),
            format!("پرونده با «{known}» منتشر شده، ولی این ردیف از «{service}» است"),
        ),
    };
    let (cure_en, cure_fa) = match rule {
        MachineRule::OtherService { .. } => (
            "if two sources, or two services of one export, number their cases alike, part them in `[source.case]` of \
             connector.toml: by `prefix`, or by the column of the service; else correct the service in the source",
            "اگر دو منبع یا دو خدمت یک خروجی شماره‌های یکسان دارند، آن‌ها را در `[source.case]` با `prefix` یا با ستون خدمت جدا کنید؛ وگرنه خدمت را در مبدأ درست کنید",
        ),
        _ => (
            "correct status or date in the source, or the transitions of the service in catalogue.toml",
            "وضعیت یا تاریخ را در مبدأ درست کنید، یا گذارهای خدمت را در catalogue.toml",
        ),
    };
    Problem {
        reason: reason.code().to_owned(),
        column: Some(column.to_owned()),
        value: Some(value.to_owned()),
        message_en: format!("{en}; {cure_en}"),
        message_fa: format!("{fa}؛ {cure_fa}"),
    }
}

/// Which rule of the state machine a row breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MachineRule<'a> {
    Unreachable { from: &'a str, to: &'a str },
    Repeated { status: &'a str },
    TooLate { status: &'a str, next: &'a str },
    OtherService { known: &'a str },
}
