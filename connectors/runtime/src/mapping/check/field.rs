//! Checking the rules of the fields.

use std::collections::{BTreeMap, BTreeSet};

use barid_schemas::catalogue::Service;
use toml::Spanned;

use super::super::target::{Fact, Kind, TARGETS, Target};
use super::super::written::{WrittenRule, WrittenSource, WrittenWhen};
use super::super::{ColumnIs, FieldRule, Input, Rule, Split, When};
use super::Checker;
use crate::cast::{Cast, CastOptions};
use crate::text;

impl Checker<'_> {
    /// The rules of all fields, in the order of the targets' table, so that what depends on another target is filled
    /// after it.
    pub(super) fn fields(
        &mut self,
        written: &WrittenSource,
        possible: &BTreeSet<String>,
        services: &BTreeMap<String, Service>,
        columns: &mut BTreeSet<String>,
    ) -> Vec<FieldRule> {
        let mut fields = Vec::new();
        for (path, rules) in &written.fields {
            let Some(target) = Target::find(path.get_ref()) else {
                self.unknown(path, "field", path.get_ref(), TARGETS.iter().map(|target| target.path));
                continue;
            };
            if rules.0.is_empty() {
                self.add(path, format!("`{}` has no rule", target.path), "write `{ column = \"…\" }` or remove it");
            }
            let rules = rules.0.iter().filter_map(|rule| self.rule(path, target, rule, possible, services, columns));
            let rules: Vec<Rule> = rules.collect();
            fields.push((position(target), FieldRule { target, rules }));
        }
        if !written.fields.keys().any(|path| path.get_ref() == "occurred_at") {
            let message = format!("source `{}` does not say when a status came about", written.name.get_ref());
            self.add(
                &written.name,
                message,
                "add `occurred_at = { column = \"…\", cast = \"jalali_date\" }` to its fields",
            );
        }
        self.hand_over_zone(&mut fields);
        fields.sort_by_key(|(position, _)| *position);
        fields.into_iter().map(|(_, field)| field).collect()
    }

    /// A zone that the configuration gives is the one whose limits the easting is checked by.
    fn hand_over_zone(&self, fields: &mut [(usize, FieldRule)]) {
        let zone =
            fields.iter().filter(|(_, field)| field.target.path == "parcel.utm_zone").find_map(
                |(_, field)| match field.rules.as_slice() {
                    [Rule { input: Input::Constant(Fact::Integer(zone)), .. }] => i32::try_from(*zone).ok(),
                    _ => None,
                },
            );
        for (_, field) in fields.iter_mut().filter(|(_, field)| field.target.path == "parcel.utm_e") {
            field.rules.iter_mut().for_each(|rule| rule.options.utm_zone = zone);
        }
    }

    fn rule(
        &mut self,
        path: &Spanned<String>,
        target: &'static Target,
        written: &WrittenRule,
        possible: &BTreeSet<String>,
        services: &BTreeMap<String, Service>,
        columns: &mut BTreeSet<String>,
    ) -> Option<Rule> {
        let input = self.input(path, target, written)?;
        if let Input::Column(column) = &input {
            columns.insert(column.clone());
        }
        let (cast, options) = self.cast_of(path, target, written, &input)?;
        let other_words_empty = match &written.other_words {
            None => false,
            Some(word) => match (word.get_ref().as_str(), &written.words) {
                ("empty", Some(_)) => true,
                ("stop", Some(_)) => false,
                (_, None) => {
                    self.add(word, "`other_words` has no meaning without `words`", "remove it");
                    false
                }
                (other, Some(_)) => {
                    self.unknown(word, "value of `other_words`", other, ["stop", "empty"]);
                    false
                }
            },
        };
        let split = written.split.as_ref().map(|split| {
            if split.by.get_ref().is_empty() {
                self.add(&split.by, "`by` is empty", "write the sign that stands between the parts");
            }
            if *split.part.get_ref() == 0 {
                self.add(&split.part, "parts count from 1", "write `part = 1` for the first");
            }
            Split { by: split.by.get_ref().clone(), part: (*split.part.get_ref()).max(1) }
        });
        if let (Some(written), false) = (&written.split, matches!(input, Input::Column(_))) {
            self.add(&written.by, "only a column can be split", "remove `split`, or add `column`");
        }
        let when =
            written.when.as_ref().map(|when| self.when(path, when, possible, services, columns)).unwrap_or_default();
        Some(Rule { when, input, cast, options, other_words_empty, split, required: written.required })
    }

    fn input(&mut self, path: &Spanned<String>, target: &Target, written: &WrittenRule) -> Option<Input> {
        let given =
            [written.column.is_some(), written.value.is_some(), written.from.is_some(), written.observed.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            let message = format!("`{}` needs exactly one of `column`, `value`, `from`, `observed`", target.path);
            self.add(path, message, "`column` for a column of the export, `value` for a constant");
            return None;
        }
        if let Some(column) = &written.column {
            return Some(Input::Column(column.get_ref().clone()));
        }
        if let Some(value) = &written.value {
            return self.constant(target, value).map(Input::Constant);
        }
        if let Some(observed) = &written.observed {
            if target.kind != Kind::Moment || !observed.get_ref() {
                self.add(observed, "`observed = true` belongs to `occurred_at` alone", "remove it");
                return None;
            }
            return Some(Input::Observed);
        }
        let from = written.from.as_ref()?;
        if from.get_ref() != "status" {
            self.unknown(from, "value of `from`", from.get_ref(), ["status"]);
            return None;
        }
        if !target.kind.takes_words() || matches!(target.kind, Kind::County | Kind::Agency) {
            let message = format!("`{}` takes {}, a status is none", target.path, target.kind.words());
            self.add(from, message, "write `column` instead");
            return None;
        }
        if let (Kind::Code(_), None) = (target.kind, &written.words) {
            let message = format!("`{}` takes one of its own codes, not a status", target.path);
            self.add(from, message, "add `words = { status_code = \"code\" }`");
            return None;
        }
        Some(Input::Status)
    }

    fn constant(&mut self, target: &Target, value: &Spanned<toml::Value>) -> Option<Fact> {
        let fact = match (target.kind, value.get_ref()) {
            (Kind::Text, toml::Value::String(text)) => Some(Fact::Text(text.clone())),
            (Kind::Code(codes), toml::Value::String(text)) => {
                codes.contains(&text.as_str()).then(|| Fact::Text(text.clone()))
            }
            (Kind::County, toml::Value::String(text)) => {
                self.catalogue.counties.contains_key(text).then(|| Fact::Text(text.clone()))
            }
            (Kind::Agency, toml::Value::String(text)) => {
                self.catalogue.agencies.contains_key(text).then(|| Fact::Text(text.clone()))
            }
            (Kind::Integer, toml::Value::Integer(number)) => {
                let cast = target.default_cast().unwrap_or(Cast::Integer);
                cast.apply(&number.to_string(), &CastOptions::default()).ok().map(|_| Fact::Integer(*number))
            }
            (Kind::Decimal, toml::Value::Float(number)) => Some(Fact::Decimal(*number)),
            #[allow(clippy::cast_precision_loss)] // Areas and coordinates are far below 2^52.
            (Kind::Decimal, toml::Value::Integer(number)) => Some(Fact::Decimal(*number as f64)),
            _ => None,
        };
        if fact.is_none() {
            let known: Vec<&str> = match target.kind {
                Kind::Code(codes) => codes.to_vec(),
                Kind::County => self.catalogue.counties.keys().map(String::as_str).collect(),
                Kind::Agency => self.catalogue.agencies.keys().map(String::as_str).collect(),
                _ => Vec::new(),
            };
            let shown = value.get_ref().as_str().map_or_else(|| value.get_ref().to_string(), str::to_owned);
            let message = format!("`{}` takes {}, not `{shown}`", target.path, target.kind.words());
            let mistake = self.mistake(value, message).with_nearest(&shown, known);
            self.mistakes.push(mistake);
        }
        fact
    }

    fn cast_of(
        &mut self,
        path: &Spanned<String>,
        target: &Target,
        written: &WrittenRule,
        input: &Input,
    ) -> Option<(Cast, CastOptions)> {
        let mut options = CastOptions { padded: written.padded, ..CastOptions::default() };
        if let Some(century) = &written.century {
            if !matches!(century.get_ref(), 1300 | 1400) {
                self.add(century, format!("`{}` is no century", century.get_ref()), "write 1300 or 1400");
            }
            options.century = Some(*century.get_ref());
        }
        if let Some(words) = &written.words {
            for code in words.values() {
                self.code(target, code);
            }
            self.doubled(words.iter().map(|(word, code)| (word, code.get_ref().as_str())));
            options =
                options.with_words(words.iter().map(|(word, code)| (word.get_ref().as_str(), code.get_ref().as_str())));
            if !target.kind.takes_words() {
                let message = format!("`{}` takes {}, not words", target.path, target.kind.words());
                self.add(path, message, "remove `words`");
            }
            if let Some(cast) = written.cast.as_ref().filter(|cast| cast.get_ref() != Cast::Words.name()) {
                self.add(cast, "`words` is a cast of its own", "remove `cast`");
            }
            return Some((Cast::Words, options));
        }
        if !matches!(input, Input::Column(_)) {
            if let Some(cast) = &written.cast {
                self.add(cast, "only a column needs a cast", "remove `cast`");
            }
            return Some((Cast::Text, options));
        }
        let Some(written) = &written.cast else {
            let cast = target.default_cast().filter(|cast| *cast != Cast::Words);
            if cast.is_none() {
                let (message, cure) = if target.casts() == [Cast::Words] {
                    (format!("`{}` needs `words`", target.path), "add `words = { \"…\" = \"code\" }`".to_owned())
                } else {
                    (format!("`{}` needs a cast", target.path), format!("write one of: {}", names(target.casts())))
                };
                self.add(path, message, cure);
            }
            return cast.map(|cast| (cast, options));
        };
        let cast = self.cast(written)?;
        if !target.casts().contains(&cast) {
            let message =
                format!("`{}` takes {}, which cast `{}` does not give", target.path, target.kind.words(), cast.name());
            self.add(written, message, format!("write one of: {}", names(target.casts())));
            return None;
        }
        Some((cast, options))
    }

    /// What a word stands for must be something that the target can hold.
    fn code(&mut self, target: &Target, code: &Spanned<String>) {
        let word = code.get_ref();
        let known: Vec<String> = match target.kind {
            Kind::Code(codes) => codes.iter().map(|code| (*code).to_owned()).collect(),
            Kind::County => self.catalogue.counties.keys().cloned().collect(),
            Kind::Agency => self.catalogue.agencies.keys().cloned().collect(),
            _ => return,
        };
        if !known.contains(word) {
            let whom = format!(" for `{}`", target.path);
            self.unknown_for(code, "code", word, &whom, known.iter().map(String::as_str));
        }
    }

    fn when(
        &mut self,
        path: &Spanned<String>,
        written: &WrittenWhen,
        possible: &BTreeSet<String>,
        services: &BTreeMap<String, Service>,
        columns: &mut BTreeSet<String>,
    ) -> When {
        let states: BTreeSet<&str> =
            possible.iter().filter_map(|code| services.get(code)).flat_map(Service::states).collect();
        for status in written.status.iter().chain(&written.status_not) {
            if !states.contains(status.get_ref().as_str()) {
                self.unknown(status, "status", status.get_ref(), states.iter().copied());
            }
        }
        for service in &written.service {
            if !possible.contains(service.get_ref()) {
                self.unknown(service, "service", service.get_ref(), possible.iter().map(String::as_str));
            }
        }
        let plain = |words: &[Spanned<String>]| words.iter().map(|word| word.get_ref().clone()).collect();
        let keys = |words: &[String]| words.iter().map(|word| text::key(word)).collect();
        if written.column.is_none() && !(written.is.is_empty() && written.is_not.is_empty()) {
            let mistake = self.mistake(path, "`is` and `is_not` need the `column` that they are about");
            self.mistakes.push(mistake.with_cure("add `column = \"…\"` to `when`"));
        }
        let column = written.column.as_ref().map(|column| {
            columns.insert(column.get_ref().clone());
            if written.is.is_empty() && written.is_not.is_empty() {
                let message = format!("the condition on column `{}` says nothing", column.get_ref());
                self.add(column, message, "add `is = [\"…\"]` or `is_not = [\"…\"]`");
            }
            ColumnIs { column: column.get_ref().clone(), is: keys(&written.is), is_not: keys(&written.is_not) }
        });
        When {
            status: plain(&written.status),
            status_not: plain(&written.status_not),
            service: plain(&written.service),
            column,
        }
    }
}

fn position(target: &Target) -> usize {
    TARGETS.iter().position(|known| known.path == target.path).unwrap_or(usize::MAX)
}

fn names(casts: &[Cast]) -> String {
    casts.iter().map(|cast| format!("`{}`", cast.name())).collect::<Vec<_>>().join(", ")
}
