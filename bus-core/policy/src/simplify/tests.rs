use proptest::prelude::*;

use super::*;

fn known() -> Static {
    Static { source: "/agencies/land".to_owned(), r#type: "ir.barid.deed.issued".to_owned() }
}

fn test(comparison: Comparison, attribute: Attribute, text: &str) -> Filter {
    Filter::Test(Test { attribute, comparison, text: text.to_owned() })
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn check(filters: &[Filter], never: bool) {
    assert_eq!(can_never_pass(filters, &known()), never, "{filters:?}");
}

#[test]
fn known_attributes_are_filled_in() {
    check(&[test(Comparison::Exact, Attribute::Source, "/agencies/land")], false);
    check(&[test(Comparison::Exact, Attribute::Source, "/agencies/bank")], true);
    check(&[not(test(Comparison::Suffix, Attribute::Type, ".issued"))], true);
    let subject = test(Comparison::Prefix, Attribute::Subject, "ab");
    let either = Filter::Any(vec![test(Comparison::Exact, Attribute::Type, "x"), subject.clone()]);
    assert_eq!(simplify_all(&[either], &known()), Simplified::Sometimes(subject));
}

#[test]
fn two_exact_texts_of_one_attribute_contradict_each_other() {
    let one = test(Comparison::Exact, Attribute::Subject, crate::sample::CORR_ID);
    check(&[one.clone(), one.clone()], false);
    check(&[one.clone(), test(Comparison::Exact, Attribute::Subject, crate::sample::EVENT_ID)], true);
    check(&[one.clone(), not(one)], true);
}

#[test]
fn prefixes_agree_if_one_begins_the_other() {
    let prefix = |text| test(Comparison::Prefix, Attribute::Id, text);
    check(&[prefix("ab"), prefix("abc")], false);
    check(&[prefix("ab"), prefix("ac")], true);
    check(&[prefix("ab"), not(prefix("abc"))], false);
    check(&[prefix("abc"), not(prefix("ab"))], true);
}

#[test]
fn a_prefix_and_a_suffix_may_overlap_only_where_they_agree() {
    let id = crate::sample::CORR_ID;
    let both = |suffix: &str| {
        [test(Comparison::Prefix, Attribute::Subject, &id[..30]), test(Comparison::Suffix, Attribute::Subject, suffix)]
    };
    check(&both(&id[20..]), false);
    check(&both("1111111111111111"), true);
}

#[test]
fn texts_that_no_id_or_time_can_have_never_match() {
    for text in ["x", "AB", "0123456789", "ab-"] {
        check(&[test(Comparison::Prefix, Attribute::Subject, text)], true);
    }
    check(&[test(Comparison::Prefix, Attribute::Time, "2022-10")], false);
    check(&[test(Comparison::Prefix, Attribute::Time, "1401/07")], true);
    check(&[test(Comparison::Suffix, Attribute::Time, "+03:30")], true);
    check(&[test(Comparison::Suffix, Attribute::Time, ".250Z")], false);
}

#[test]
fn a_filter_with_too_many_combinations_is_believed_to_match() {
    let pair = |number: usize| {
        Filter::Any(vec![
            test(Comparison::Prefix, Attribute::Subject, &format!("{number:02x}a")),
            test(Comparison::Prefix, Attribute::Subject, &format!("{number:02x}b")),
        ])
    };
    check(&(0..3).map(pair).collect::<Vec<_>>(), true);
    check(&(0..40).map(pair).collect::<Vec<_>>(), false);
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let comparison = prop::sample::select(Comparison::ALL.to_vec());
    let text =
        prop::sample::select(vec!["7e57c0de", "7", "1", "01", crate::sample::CORR_ID, crate::sample::EVENT_ID, "q"]);
    let attribute = prop::sample::select(vec![Attribute::Subject, Attribute::Id]);
    let leaf =
        (comparison, attribute, text).prop_map(|(comparison, attribute, text)| test(comparison, attribute, text));
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
            inner.prop_map(not),
        ]
    })
}

fn passes(filter: &Filter) -> bool {
    match filter {
        Filter::Test(test) if test.attribute == Attribute::Subject => test.passes(crate::sample::CORR_ID),
        Filter::Test(test) => test.passes(crate::sample::EVENT_ID),
        Filter::All(filters) => filters.iter().all(passes),
        Filter::Any(filters) => filters.iter().any(passes),
        Filter::Not(filter) => !passes(filter),
    }
}

proptest! {
    #[test]
    fn a_filter_that_an_event_passes_is_never_refused(filter in any_filter()) {
        if passes(&filter) {
            prop_assert!(!can_never_pass(std::slice::from_ref(&filter), &known()));
        }
    }
}
