//! The controls that every simulator's handle has.

/// Gives a `Simulator`, whose field `shared` has a `desk`, the controls of that desk. `$fault` is
/// what goes wrong at it: the shared `Fault`, or an enum that becomes a `Cue`.
macro_rules! controls {
    ($simulator:ty, $endpoint:ty, $fault:ty) => {
        impl $simulator {
            /// Queues `fault` for the next request at `endpoint` that has none yet.
            pub fn inject(&self, endpoint: $endpoint, fault: $fault) {
                self.shared.desk.push(endpoint, fault.into());
            }

            /// Queues `fault` for as many requests at `endpoint`.
            pub fn inject_times(&self, times: usize, endpoint: $endpoint, fault: &$fault) {
                for _ in 0..times {
                    self.inject(endpoint, fault.clone());
                }
            }

            /// Returns how many faults still wait for a request at `endpoint`.
            #[must_use]
            pub fn faults_left(&self, endpoint: $endpoint) -> usize {
                self.shared.desk.left(endpoint)
            }

            /// Returns a sentence for each request that broke a rule, oldest first, without any
            /// secret.
            ///
            /// The first 1000 are kept.
            #[must_use]
            pub fn violations(&self) -> Vec<String> {
                self.shared.desk.violations()
            }

            /// Returns the accepted API calls that had a body or could have had one, oldest first.
            ///
            /// The newest 1024 are kept, and no more than 64 MiB of bodies.
            #[must_use]
            pub fn uploads(&self) -> Vec<$crate::testing::Upload> {
                self.shared.desk.uploads()
            }
        }
    };
}

pub(crate) use controls;
