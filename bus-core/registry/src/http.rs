//! The HTTP face of the registry.

use std::sync::Arc;

use axum::Router;

use crate::store::Store;

pub(crate) fn router(store: Arc<Store>) -> Router {
    Router::new().with_state(store)
}
