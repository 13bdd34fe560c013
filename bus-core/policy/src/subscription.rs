//! What a subscriber narrows of what it may hear.

use std::collections::BTreeSet;

use barid_mistake::Place;

use crate::attributes::seen_service;
use crate::filter::Filter;
use crate::permit::Permit;

/// A subscriber's wish to hear of a part of what its permits give.
///
/// A subscriber without a subscription hears all that it may hear; with several it hears what passes any of them. Every
/// condition is on the copy *as the subscriber sees it*: on the exact service a coarse view shows `restriction`, and a
/// condition on what the view hides would answer questions about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub subscriber: String,
    /// Unique for the subscriber.
    pub name: String,
    pub publisher: Option<String>,
    /// A service, or `restriction` for coarse views.
    pub service: Option<String>,
    /// Empty: every county. An event without a county passes every subscription: losing it would be worse than hearing of
    /// it, and the permit gives it anyway.
    pub counties: BTreeSet<String>,
    /// All must pass.
    pub filters: Vec<Filter>,
    /// Where it is written.
    pub place: Place,
}

impl Subscription {
    /// Whether the copies of `permit` have the publisher and the service that the subscription asks for.
    pub(crate) fn narrows_to(&self, permit: &Permit) -> bool {
        self.publisher.as_ref().is_none_or(|publisher| *publisher == permit.publisher)
            && self.service.as_ref().is_none_or(|service| service == seen_service(permit))
    }
}
