//! What a column probably is.

use super::{Column, WORDS, quoted};
use crate::cast::Cast;
use crate::mapping::Target;
use crate::text;

/// Casts that tell something when they fit, the most telling first: a check digit tells more than a number.
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
    Cast::Percent,
    Cast::Integer,
    Cast::Decimal,
    Cast::Plate,
];

/// What a column is for the row as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Case,
    Status,
    Moment,
}

/// Words of headers, as matching keys, and the field that they usually mean. The first that fits counts.
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
    (&["مبلغ", "amount"], "money.amount_rial"),
    (&["شناسهواریز", "شناسهپرداخت"], "money.payment_id"),
    (&["مهلت", "سررسید", "deadline"], "deadline_at"),
    (&["شمارهمجوز", "شمارهرای", "شمارهتصمیم"], "decision.decision_no"),
    (&["انقضا", "اعتبار"], "decision.valid_until"),
    (&["نوعتخلف"], "violation.violation_type"),
    (&["متراژ"], "violation.built_area_m2"),
    (&["isic"], "business.activity_code"),
    (&["شمارهپروانه"], "business.licence_no"),
    (&["اشتغال"], "business.employees_band"),
    (&["موضوع", "subject"], "resolution.subject"),
    (&["پیشرفت", "progress"], "resolution.progress_percent"),
    (&["متقاضی", "مالک", "نامواحد", "نامشرکت", "applicant", "owner"], "person.name"),
];

const CASES: &[&str] = &["شمارهپرونده", "کدپرونده", "شمارهمصوبه", "caseno", "fileno", "facilityno", "پرونده", "شماره"];
const STATUSES: &[&str] = &["وضعیت", "مرحله", "نتیجه", "statustitle", "status", "state"];
const MOMENTS: &[&str] = &["تاریخوضعیت", "زمانوضعیت", "statusdt", "statusdate", "تاریخ", "زمان", "date", "time"];

/// Guesses for all columns.
pub(super) struct Guess {
    paths: Vec<Option<&'static str>>,
    casts: Vec<Option<Cast>>,
    roles: Vec<Option<Role>>,
    candidates: [(Role, Option<usize>); 3],
}

impl Guess {
    pub(super) fn of(columns: &[Column], rows: usize) -> Self {
        let keys: Vec<String> = columns.iter().map(|column| text::key(&column.name)).collect();
        let casts: Vec<Option<Cast>> = columns.iter().map(Column::cast).collect();
        let by_name = |names: &[&str], fits: &dyn Fn(usize) -> bool| {
            names.iter().find_map(|name| (0..keys.len()).find(|&index| keys[index].contains(name) && fits(index)))
        };
        let is_time = |index: usize| {
            matches!(
                casts[index],
                Some(Cast::JalaliDate | Cast::JalaliTimestamp | Cast::GregorianDate | Cast::GregorianTimestamp)
            )
        };
        let is_word = |index: usize| {
            let column = &columns[index];
            casts[index].is_none() && (1..=WORDS).contains(&column.words.len())
        };
        let repeats = |index: usize| columns[index].filled > columns[index].different.len();
        let any = 0..columns.len();
        let status = by_name(STATUSES, &is_word)
            .or_else(|| any.clone().find(|&index| is_word(index) && columns[index].filled == rows && repeats(index)));
        let moment = by_name(MOMENTS, &is_time).or_else(|| any.clone().find(|&index| is_time(index)));
        let case = by_name(CASES, &|index| Some(index) != status && !is_time(index) && columns[index].filled > 0);
        let paths = keys.iter().map(|key| path_of(key)).collect();
        let candidates = [(Role::Case, case), (Role::Status, status), (Role::Moment, moment)];
        Self { paths, casts, roles: vec![None; columns.len()], candidates }
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
                    let cast = self.casts[index].map_or("jalali_date", Cast::name);
                    lines.push(format!("occurred_at = {{ column = {name}, cast = \"{cast}\" }}"));
                }
                None => lines.push(self.field(index, column, &name, &mut used)),
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
            Some(cast) => format!("{key} = {{ column = {name}, cast = \"{}\" }}", cast.name()),
            None => format!("{key} = {{ column = {name} }}"),
        };
        if used.contains(&path) || !is_plausible(path, fits, column) {
            return format!("# {rule}");
        }
        used.push(path);
        rule
    }
}

fn path_of(key: &str) -> Option<&'static str> {
    HEADERS.iter().find(|(words, _)| words.iter().any(|word| key.contains(word))).map(|(_, path)| *path)
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
        let toman = text::key(header).contains(&text::key("تومان"));
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
        Some(cast) if TELLING_CASTS.contains(&cast) => {
            column.filled == 0
                || column.fits.iter().any(|(known, fits)| *known == cast && fits * 10 >= column.filled * 9)
        }
        Some(_) => true,
        None => {
            column.filled == 0 || path == "money.amount_rial" || fits.is_some_and(|cast| target.casts().contains(&cast))
        }
    }
}
