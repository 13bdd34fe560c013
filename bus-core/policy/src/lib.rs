//! Who may hear what: permits, subscriptions, watch keys, the index.
