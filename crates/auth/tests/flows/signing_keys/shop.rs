use std::sync::Arc;
use std::time::Duration;

use passgate_auth::flows::{Followed, KeySchedule, SigningKeys, SigningKeysError, announce_key};
use passgate_auth::jwt::{
    Algorithm, Audience, IssueError, Issuer, IssuerId, KeySource, Subject, Ttl, Verifier,
};
use passgate_auth::seal::SealingKeys;
use passgate_domain::Clock;
use passgate_domain::audit::EventFilter;
use passgate_domain::ports::{AuditStore, SigningKeyStore};
use passgate_domain::testing::{ManualClock, MemoryStore, act};

use crate::world::{NOW, sealing};

pub(super) const DAY: Duration = Duration::from_hours(24);

/// A store, its replicas' clock, and the schedule.
pub(super) struct Shop {
    pub(super) store: MemoryStore,
    pub(super) clock: Arc<ManualClock>,
    pub(super) schedule: KeySchedule,
}

impl Shop {
    pub(super) fn new() -> Self {
        Self::rotating(None)
    }

    pub(super) fn rotating(rotation: Option<Duration>) -> Self {
        Self {
            store: MemoryStore::default(),
            clock: Arc::new(ManualClock::at(NOW)),
            schedule: KeySchedule::try_new(Duration::from_mins(1), rotation).unwrap(),
        }
    }

    pub(super) fn try_replica(
        &self,
        sealing: impl Into<SealingKeys>,
        algorithm: Algorithm,
    ) -> Result<SigningKeys, SigningKeysError> {
        let sealing = Arc::new(sealing.into());
        SigningKeys::open(
            &self.store,
            sealing,
            algorithm,
            self.schedule,
            self.clock.clone(),
        )
    }

    pub(super) fn replica(&self) -> SigningKeys {
        self.try_replica(sealing("abcd"), Algorithm::EdDsa).unwrap()
    }

    pub(super) fn follow(&self, replica: &SigningKeys) -> Followed {
        let followed = replica.follow(&self.store).unwrap();
        assert!(followed.troubles.is_empty(), "{followed:?}");
        followed
    }

    pub(super) fn announce(&self) -> String {
        let sealing = sealing("abcd").into();
        let act = act(self.clock.now());
        let next = announce_key(
            &self.store,
            &sealing,
            Algorithm::EdDsa,
            &self.schedule,
            &act,
        );
        next.unwrap().kid
    }

    /// Moves the clock to the time at which what was announced now signs.
    pub(super) fn publish(&self) {
        self.clock
            .advance(self.schedule.publication().try_into().unwrap());
    }

    pub(super) fn states(&self) -> Vec<(String, &'static str)> {
        let keys = self.store.signing_keys().unwrap();
        keys.into_iter()
            .map(|key| (key.kid, key.state.name()))
            .collect()
    }

    pub(super) fn events(&self) -> Vec<String> {
        let filter = EventFilter {
            limit: 100,
            ..EventFilter::default()
        };
        let events = self.store.events(&filter).unwrap();
        let event =
            |event: passgate_domain::audit::Event| format!("{} {}", event.actor, event.action);
        events.into_iter().rev().map(event).collect()
    }

    pub(super) fn issuer(&self, replica: &SigningKeys) -> Issuer {
        let id = IssuerId::parse("https://id.example.com").unwrap();
        let ttl = Ttl::try_new(DAY).unwrap();
        Issuer::new(id, replica.ring().clone(), ttl, self.clock.clone())
    }

    pub(super) fn sign(&self, replica: &SigningKeys) -> Result<String, IssueError> {
        let subject = Subject::parse("matt").unwrap();
        let audience = Audience::parse("todos").unwrap();
        let minted = self
            .issuer(replica)
            .access(&subject, &audience)
            .client_id("app")
            .sign()?;
        Ok(minted.as_str().to_owned())
    }

    pub(super) fn verifies(&self, keys: impl KeySource, token: &str) -> bool {
        let id = IssuerId::parse("https://id.example.com").unwrap();
        let audience = Audience::parse("todos").unwrap();
        let verifier: Verifier = Verifier::builder(id, audience, keys)
            .clock(self.clock.clone())
            .leeway(Duration::from_mins(5))
            .build();
        verifier.verify_now(token).is_ok()
    }

    pub(super) fn announce_with(&self, sealing: &SealingKeys) {
        let act = act(self.clock.now());
        announce_key(&self.store, sealing, Algorithm::EdDsa, &self.schedule, &act).unwrap();
    }
}

pub(super) fn signs(replica: &SigningKeys) -> String {
    replica.ring().active().unwrap().kid().to_string()
}
