//! What a column probably is.

use super::{Column, WORDS, quoted};
use crate::cast::Cast;
use crate::mapping::Target;
use crate::text;

/// Casts that tell something when they fit, the most telling first: a check digit tells more than a number, and what is a
/// number is a percentage only if it bears the sign.
pub(super) const TELLING_CASTS: &[Cast] = &[
    Cast::TrackingCode,
    Cast::NationalId,
    Cast::LegalId,
    Cast::PersonNumber,
    Cast::JalaliDate,
    Cast::JalaliTimestamp,
    Cast::GregorianDate,
    Cast::GregorianTimestamp,
    Cast::PostalCode,
    Cast::UtmN,
    Cast::UtmE,
    Cast::Integer,
    Cast::Decimal,
    Cast::Percent,
];

/// Casts that read hardly anything that is something else, so that most cells are enough.
pub(super) const fn is_by_no_chance(cast: Cast) -> bool {
    matches!(
        cast,
        Cast::TrackingCode
            | Cast::NationalId
            | Cast::LegalId
            | Cast::PersonNumber
            | Cast::JalaliDate
            | Cast::JalaliTimestamp
            | Cast::GregorianDate
            | Cast::GregorianTimestamp
    )
}

/// What a column is for the row as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Case,
    Status,
    Moment,
}

/// Words of headers, as matching keys, and the field that they usually mean. The first that fits counts; a word that begins
/// with `=` must be the whole header.
const HEADERS: &[(&[&str], &str)] = &[
    (&["رهگیری", "trackingcode"], "identity.idv_tracking_code"),
    (&["کدملی", "شناسهملی", "nationalid", "nationalcode"], "number"),
    (&["شهرستان", "county"], "county"),
    (&["روستا", "village"], "parcel.village"),
    (&["کدپستی", "postal"], "parcel.postal_code"),
    (&["نوسازی"], "parcel.renovation_code"),
    (&["پلاک", "plate"], "parcel.plate"),
    (&["مساحت", "area"], "parcel.area_m2"),
    (&["زون", "zone"], "parcel.utm_zone"),
    (&["شرقی", "utmx", "easting"], "parcel.utm_e"),
    (&["شمالی", "utmy", "northing"], "parcel.utm_n"),
    (&["تاریخپرداخت", "paidat"], "money.paid_at"),
    (&["تاریخنامه", "letterdate"], "letter_date"),
    (&["شمارهنامه", "letterno"], "letter_no"),
    (&["مبلغ", "تومان", "ریال", "amount", "toman", "rial"], "money.amount_rial"),
    (&["شناسهواریز", "شناسهپرداخت"], "money.payment_id"),
    (&["مهلت", "سررسید", "موعد", "deadline", "duedate"], "deadline_at"),
    (&["شمارهمجوز", "شمارهرای", "شمارهتصمیم"], "decision.decision_no"),
    (&["انقضا", "اعتبار", "validuntil", "expir"], "decision.valid_until"),
    (&["نوعتخلف"], "violation.violation_type"),
    (&["متراژ"], "violation.built_area_m2"),
    (&["isic"], "business.activity_code"),
    (&["شمارهپروانه"], "business.licence_no"),
    (&["اشتغال"], "business.employees_band"),
    (&["موضوع", "subject"], "resolution.subject"),
    (&["پیشرفت", "progress"], "resolution.progress_percent"),
    (
        &[
            "متقاضی",
            "مالک",
            "نامواحد",
            "نامشرکت",
            "نامخانوادگی",
            "=نام",
            "applicant",
            "owner",
            "personname",
            "fullname",
            "=name",
        ],
        "person.name",
    ),
];

/// Headers of columns that number the rows of the export: another number tomorrow, and nothing of the case.
const ROW_NUMBERS: &[&str] = &["ردیف", "شمارهردیف", "row", "rowno", "rownumber", "#"];
/// Dates that are never those of the status, and of which the event has no field.
const OTHER_DATES: &[&str] = &["تولد", "birth"];

const CASES: &[&str] =
    &["شمارهپرونده", "کدپرونده", "شمارهمصوبه", "caseno", "fileno", "facilityno", "پرونده", "=case", "شماره"];
const STATUSES: &[&str] = &["وضعیت", "مرحله", "نتیجه", "statustitle", "status", "state"];
const MOMENTS: &[&str] = &["تاریخوضعیت", "زمانوضعیت", "statusdt", "statusdate", "تاریخ", "زمان", "date", "time"];

/// Guesses for all columns.
pub(super) struct Guess {
    paths: Vec<Option<&'static str>>,
    casts: Vec<Option<Cast>>,
    numbers_rows: Vec<bool>,
    roles: Vec<Option<Role>>,
    candidates: [(Role, Option<usize>); 3],
}

impl Guess {
    pub(super) fn of(columns: &[Column], rows: usize) -> Self {
        let keys: Vec<String> = columns.iter().map(|column| text::key(&column.name)).collect();
        let casts: Vec<Option<Cast>> = columns.iter().map(Column::cast).collect();
        let by_name = |names: &[&str], fits: &dyn Fn(usize) -> bool| {
            names.iter().find_map(|name| (0..keys.len()).find(|&index| is_called(&keys[index], name) && fits(index)))
        };
        let paths: Vec<Option<&'static str>> = keys.iter().map(|key| path_of(key)).collect();
        let numbers_rows: Vec<bool> = keys.iter().map(|key| ROW_NUMBERS.contains(&key.as_str())).collect();
        let is_time = |index: usize| casts[index].is_some_and(is_time);
        // A deadline or the day of a payment is a field of its own.
        let is_moment = |index: usize| {
            is_time(index) && paths[index].is_none() && OTHER_DATES.iter().all(|name| !keys[index].contains(name))
        };
        let is_word = |index: usize| {
            let column = &columns[index];
            casts[index].is_none() && (1..=WORDS).contains(&column.words.len())
        };
        let repeats = |index: usize| columns[index].filled > columns[index].different.len();
        let any = 0..columns.len();
        let status = by_name(STATUSES, &is_word)
            .or_else(|| any.clone().find(|&index| is_word(index) && columns[index].filled == rows && repeats(index)));
        let moment = by_name(MOMENTS, &is_moment).or_else(|| any.clone().find(|&index| is_moment(index)));
        let case = by_name(CASES, &|index| {
            let is_free = Some(index) != status && paths[index].is_none() && !numbers_rows[index];
            is_free && !is_time(index) && columns[index].filled > 0
        });
        let candidates = [(Role::Case, case), (Role::Status, status), (Role::Moment, moment)];
        Self { paths, casts, numbers_rows, roles: vec![None; columns.len()], candidates }
    }

    /// Gives each role to its column; a column with a role is not guessed to be a field too.
    pub(super) fn settle_roles(&mut self) {
        for (role, index) in self.candidates {
            if let Some(index) = index {
                self.roles[index] = Some(role);
            }
        }
    }

    pub(super) fn index(&self, role: Role) -> Option<usize> {
        self.roles.iter().position(|found| *found == Some(role))
    }

    /// The lines of `[source.fields]`, in the order of the columns.
    pub(super) fn fields(&self, columns: &[Column]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut used: Vec<&str> = Vec::new();
        if self.index(Role::Moment).is_none() {
            lines.push(
                "# No column looks like the date of the status. If there is none: occurred_at = { observed = true }"
                    .to_owned(),
            );
            lines.push("occurred_at = { column = \"FILL_IN\", cast = \"jalali_date\" }".to_owned());
        }
        for (index, column) in columns.iter().enumerate() {
            let name = quoted(&column.name);
            match self.roles[index] {
                Some(Role::Case) => lines.push(format!("case_no = {{ column = {name} }}")),
                Some(Role::Status) => {}
                Some(Role::Moment) => {
                    lines.extend(self.casts[index].and_then(|cast| column.exceptions(cast)));
                    let cast = self.casts[index].map_or("jalali_date", Cast::name);
                    lines.push(format!("occurred_at = {{ column = {name}, cast = \"{cast}\" }}"));
                }
                None if self.numbers_rows[index] => {
                    lines.push(format!("# {} numbers the rows of the export; it is left out", column.name));
                }
                None => {
                    lines.extend(self.casts[index].and_then(|cast| column.exceptions(cast)));
                    lines.push(self.field(index, column, &name, &mut used));
                }
            }
        }
        lines
    }

    fn field(&self, index: usize, column: &Column, name: &str, used: &mut Vec<&'static str>) -> String {
        let fits = self.casts[index];
        let Some(path) = self.paths[index].or_else(|| path_of_cast(fits)) else {
            let looks = fits.map_or("text", Cast::name);
            let example = if column.filled == 0 { ", always empty" } else { "" };
            return format!("# {} looks like `{looks}`{example}: \"group.field\" = {{ column = {name} }}", column.name);
        };
        let key = if path.contains('.') { format!("\"{path}\"") } else { path.to_owned() };
        let rule = match cast_for(path, fits, &column.name) {
            Some(cast) => {
                let asks =
                    if path == "money.amount_rial" && !tells_unit(&column.name) { " # rial or toman?" } else { "" };
                format!("{key} = {{ column = {name}, cast = \"{}\" }}{asks}", cast.name())
            }
            None => format!("{key} = {{ column = {name} }}"),
        };
        if used.contains(&path) || !is_plausible(path, fits, column) {
            return format!("# {rule}");
        }
        used.push(path);
        rule
    }
}

fn is_called(key: &str, word: &str) -> bool {
    match word.strip_prefix('=') {
        Some(word) => key == word,
        None => key.contains(word),
    }
}

const fn is_time(cast: Cast) -> bool {
    matches!(cast, Cast::JalaliDate | Cast::JalaliTimestamp | Cast::GregorianDate | Cast::GregorianTimestamp)
}

fn tells_unit(header: &str) -> bool {
    ["تومان", "ریال", "toman", "rial"].iter().any(|unit| text::key(header).contains(&text::key(unit)))
}

fn path_of(key: &str) -> Option<&'static str> {
    HEADERS.iter().find(|(words, _)| words.iter().any(|word| is_called(key, word))).map(|(_, path)| *path)
}

/// What content alone tells.
fn path_of_cast(cast: Option<Cast>) -> Option<&'static str> {
    match cast? {
        Cast::TrackingCode => Some("identity.idv_tracking_code"),
        Cast::NationalId | Cast::LegalId | Cast::PersonNumber => Some("number"),
        Cast::UtmE => Some("parcel.utm_e"),
        Cast::UtmN => Some("parcel.utm_n"),
        _ => None,
    }
}

/// The cast to write: where the target leaves a choice.
fn cast_for(path: &str, fits: Option<Cast>, header: &str) -> Option<Cast> {
    let target = Target::find(path)?;
    if path == "money.amount_rial" {
        let toman = ["تومان", "toman"].iter().any(|unit| text::key(header).contains(&text::key(unit)));
        return Some(if toman { Cast::Toman } else { Cast::Rial });
    }
    if target.default_cast().is_some() {
        return None;
    }
    fits.filter(|cast| target.casts().contains(cast)).or(Some(Cast::JalaliDate))
}

/// Whether the content does not speak against the header.
fn is_plausible(path: &str, fits: Option<Cast>, column: &Column) -> bool {
    let Some(target) = Target::find(path) else { return false };
    match target.default_cast() {
        Some(cast) if TELLING_CASTS.contains(&cast) => column.filled == 0 || column.is_read_by(cast),
        Some(_) => true,
        None => {
            column.filled == 0 || path == "money.amount_rial" || fits.is_some_and(|cast| target.casts().contains(&cast))
        }
    }
}
