//! An invented event for the tests of the oracle and of the leak search, with the real schema.

use std::fs;

use anyhow::{Result, ensure};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::{Map, Value as Json, json};

use crate::cache::checkout;
use crate::oracle::event::{Decode, Event};
use crate::oracle::policy_files::Grant;
use crate::oracle::{Oracle, PolicyFiles};
use crate::records::RawRecord;

/// The only schema id there is.
pub(crate) const ID: u32 = 7;

/// A registry with one schema.
pub(crate) struct OneSchema(Schema);

impl OneSchema {
    pub(crate) fn new() -> Self {
        let text = fs::read_to_string(checkout().join("schemas/avro/case_event.avsc")).unwrap();
        Self(Schema::parse_str(&text).unwrap())
    }

    /// In Confluent framing.
    pub(crate) fn encode(&self, fields: &Map<String, Json>) -> Vec<u8> {
        let value = avro(&Json::Object(fields.clone())).resolve(&self.0).unwrap();
        let mut framed = [&[0][..], &ID.to_be_bytes()].concat();
        GenericDatumWriter::builder(&self.0).build().unwrap().write_value(&mut framed, value).unwrap();
        framed
    }
}

impl Decode for OneSchema {
    fn decode(&self, framed: &[u8]) -> Result<(u32, Value)> {
        ensure!(framed[..5] == [0, 0, 0, 0, 7]);
        let mut rest = &framed[5..];
        let value = GenericDatumReader::builder(&self.0).build()?.read_value(&mut rest)?;
        ensure!(rest.is_empty(), "{} bytes after the datum", rest.len());
        Ok((ID, value))
    }
}

/// The schema then makes of it what it wants: dates, enums, unions.
fn avro(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => i32::try_from(number).map_or(Value::Long(number), Value::Int),
            None => Value::Double(number.as_f64().unwrap()),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(values) => Value::Array(values.iter().map(avro).collect()),
        Json::Object(fields) => Value::Record(fields.iter().map(|(name, value)| (name.clone(), avro(value))).collect()),
    }
}

/// An event with something in nearly every group.
pub(crate) fn fields() -> Map<String, Json> {
    let Json::Object(fields) = json!({
        "event_id": "0e2f6a60-1111-8222-8333-444455556666",
        "corr_id": "aa2f6a60-1111-8222-8333-444455556666",
        "publisher": "harbour",
        "county": "nowshahr",
        "service_code": "harbour_fine",
        "national_service_id": "13021194999",
        "case_no": "99/H/7",
        "status_from": "fined",
        "status_to": "paid",
        "transition": "step",
        "occurred_at": 1_665_261_000_000_i64,
        "utc_offset_minutes": 210,
        "precision": "day",
        "deadline_at": null,
        "letter_no": "31/512",
        "letter_date": 19_275,
        "correction_of": "bb2f6a60-1111-8222-8333-444455556666",
        "view": "exact",
        "identity": {
            "subject_ref": null, "idv_tracking_code": "60014317002915", "idv_status": "verified", "idv_level": 2,
            "relying_agency": "lighthouse", "purpose": "a berth", "idv_expires_at": null
        },
        "number": { "national_id": "9901001171", "legal_id": null },
        "person": { "full_name": "هاجر کیان‌مهر", "company_name": null, "capacity": "owner" },
        "contact": null,
        "parcel": {
            "plate_main": "12", "plate_sub": "345", "plate_section": "4", "plate_district": "کجور",
            "registry_unique_id": null, "renovation_code": null, "postal_code": "4656113184", "utm_zone": 39,
            "utm_e": 547_386.72, "utm_n": 4_021_013.41, "area_m2": 640.0, "village": "کندلوس", "village_code": null
        },
        "decision": {
            "decision": "fine_of_the_harbour", "decision_no": "1401-512", "decision_date": 19_275,
            "conditions": ["pay at the quay"], "valid_until": null
        },
        "money": {
            "amount_rial": 418_600_000, "payment_id": "3100140100000512", "due_date": null, "paid_at": 19_276,
            "receipt_no": null
        },
        "violation": null,
        "business": { "activity_code": null, "capacity": null, "licence_no": "1401-512", "employees_band": null },
        "resolution": null,
        "attachments": null
    }) else {
        panic!("an object")
    };
    fields
}

pub(crate) fn event_of(fields: &Map<String, Json>, schema: &OneSchema) -> Event {
    let record = RawRecord {
        topic: "events.harbour".into(),
        partition: 0,
        offset: 3,
        // 2026-11-24, noon in Iran
        timestamp_ms: 1_795_509_000_000,
        key: fields["corr_id"].as_str().map(|id| id.as_bytes().to_vec()),
        value: Some(schema.encode(fields)),
        headers: [
            ("ce_dataschema", "http://registry/schemas/ids/7"),
            ("ce_sequence", "4"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ]
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .to_vec(),
    };
    Event::decode(record, schema).unwrap()
}

pub(crate) fn grant(coarse: bool, groups: &[&str]) -> Grant {
    Grant {
        publisher: "harbour".into(),
        service: "harbour_fine".into(),
        status: "paid".into(),
        subscriber: "lighthouse".into(),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        coarse,
        number: "MZ-1401-900".into(),
        valid_from: "2022-03-21".parse().unwrap(),
        valid_until: "2032-03-19".parse().unwrap(),
        requires: None,
    }
}

pub(crate) fn oracle(grant: Grant) -> Oracle {
    let phases = [("fined", "blocked"), ("paid", "cleared")].map(|(status, phase)| (status.into(), phase.into()));
    Oracle {
        policy: PolicyFiles { grants: vec![grant], subscriptions: Vec::new(), phases: phases.into() },
        watches: Vec::new(),
    }
}

/// The record that an honest router writes for the only copy of `event`.
pub(crate) fn honest_copy(oracle: &Oracle, event: &Event, schema: &OneSchema) -> RawRecord {
    let copies = oracle.copies(event).unwrap();
    let [copy] = copies.as_slice() else { panic!("{} copies", copies.len()) };
    let mut headers: Vec<(String, Vec<u8>)> =
        copy.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    headers.push(("traceparent".into(), format!("00-{}-00f067aa0ba902b7-01", copy.trace_id).into_bytes()));
    RawRecord {
        topic: format!("inbox.{}", copy.subscriber),
        partition: 0,
        offset: 9,
        timestamp_ms: event.record.timestamp_ms,
        key: Some(copy.key.clone().into_bytes()),
        value: Some(schema.encode(&copy.fields)),
        headers,
    }
}
