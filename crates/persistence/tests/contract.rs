//! The stores keep the domain's contract on a real PostgreSQL.

use passgate_persistence::testing::TestStore;

passgate_domain::store_contract!(TestStore::new);
