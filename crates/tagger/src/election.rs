//! Which replica reconciles: the one that holds the Lease.
//!
//! The Lease is written with the version that was read as precondition, so that of two who take it one is refused. Whether another
//! replica's has run out is judged by when it was seen to be renewed, never by the clock of another machine.

mod claim;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tagger_api::annotations::FIELD_MANAGER;
use tagger_controller::leadership::{Leadership, Moment};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use claim::{Claim, Rival, free, held};

/// How long what is under way may take when this replica goes, and how long the Lease may take to be given up.
const FINISHING: Duration = Duration::from_secs(1);
const LEAVING: Duration = Duration::from_secs(2);

/// A replica that stands for election.
pub(crate) struct Candidate {
    leases: Api<Lease>,
    name: String,
    me: String,
    timing: Timing,
    leadership: Leadership,
    rival: Rival,
    /// The Lease as this replica wrote it last.
    own: Option<Lease>,
}

/// What follows from how long a Lease lasts.
#[derive(Clone, Copy, Debug)]
struct Timing {
    lasts: Duration,
    /// How long its holder leads without a renewal: less than it lasts, by more than clocks differ in their pace.
    leads: Duration,
    renews: Duration,
    looks: Duration,
}

impl Timing {
    fn of(lasts: Duration) -> Self {
        Self { lasts, leads: lasts * 2 / 3, renews: lasts * 2 / 15, looks: lasts / 15 }
    }
}

impl Candidate {
    /// A candidate for the Lease of this name. `instance` need not be the only one of its name.
    pub(crate) fn new(
        client: Client,
        namespace: &str,
        name: &str,
        instance: &str,
        lasts: Duration,
        leadership: Leadership,
    ) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            name: name.to_owned(),
            me: format!("{instance}_{:016x}", fastrand::u64(..)),
            timing: Timing::of(lasts),
            leadership,
            rival: Rival::default(),
            own: None,
        }
    }

    /// Stands for election until told to stop. Then what is under way is finished, and the Lease given up.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let (mut problem, mut led) = (String::new(), false);
        while !stop.is_cancelled() {
            let asked = Moment::now();
            // A third of what it lasts: there is time for another try before the time is over.
            let pause = match timeout(self.timing.lasts / 3, self.step(asked)).await {
                Ok(Ok(pause)) => {
                    problem.clear();
                    pause
                }
                failed => {
                    let why = match failed {
                        Ok(Err(error)) => error.to_string(),
                        _ => "the API server did not answer in time".to_owned(),
                    };
                    if problem != why {
                        tracing::warn!(
                            lease = self.name,
                            error = why,
                            "the Lease can't be read or written; trying again"
                        );
                        problem = why;
                    }
                    self.timing.looks
                }
            };
            if !self.leadership.leads() {
                self.leadership.follow();
            }
            let leads = self.leadership.leads();
            if led && !leads {
                tracing::warn!(lease = self.name, identity = self.me, "leading no more");
            }
            led = leads;
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
        self.leave().await;
    }

    /// Holds the Lease for longer, or takes it, or looks who has it. Gives how long to wait then.
    async fn step(&mut self, asked: Moment) -> Result<Duration, kube::Error> {
        let own = self.own.take();
        let read = match own {
            Some(own) => Some(own),
            None => self.leases.get_opt(&self.name).await?,
        };
        let claim = self.rival.claim(read.as_ref(), &self.me, Instant::now());
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let mine = |before| held(before, &self.me, self.timing.lasts, Timestamp::now());
        let written = match (claim, read) {
            (Claim::Wait(left), _) => {
                self.leadership.follow();
                return Ok(left.min(self.timing.looks));
            }
            (Claim::Take, Some(read)) => self.leases.replace(&self.name, &params, &mine(read)).await,
            (Claim::Take | Claim::Create, _) => {
                let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
                let new = Lease { metadata, spec: None };
                self.leases.create(&params, &mine(new)).await
            }
        };
        match written {
            Ok(written) => {
                self.own = Some(written);
                if self.leadership.lead(asked, self.timing.leads) {
                    tracing::info!(lease = self.name, identity = self.me, "leading from now on");
                }
                Ok(self.timing.renews)
            }
            // Somebody wrote it meanwhile, or took it away: it is read again.
            Err(kube::Error::Api(refused)) if [404, 409].contains(&refused.code) => {
                Ok(self.timing.looks / 10)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the Lease up, so that another replica need not wait until it runs out.
    async fn leave(self) {
        self.leadership.finish(FINISHING).await;
        self.leadership.follow();
        let Some(own) = self.own else { return };
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let freed = free(own, Timestamp::now());
        match timeout(LEAVING, self.leases.replace(&self.name, &params, &freed)).await {
            Ok(Ok(_)) => tracing::info!(lease = self.name, "gave up the Lease"),
            Ok(Err(error)) => tracing::debug!(%error, "the Lease could not be given up and runs out"),
            Err(_) => tracing::debug!("the API server did not answer; the Lease runs out"),
        }
    }
}
