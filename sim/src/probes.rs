//! Probes: rare paths with names. A sweep says which of them its runs went along, and fails when one that the
//! strategy can reach was never reached: a check of what was not exercised says nothing.

macro_rules! probes {
    ($($variant:ident, $name:literal, $about:literal;)*) => {
        /// A rare path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Probe {
            $(#[doc = $about] $variant,)*
        }

        /// All probes with their names and what they are.
        pub const CATALOGUE: &[(Probe, &str, &str)] = &[$((Probe::$variant, $name, $about),)*];
    };
}

probes! {
    CrashBetweenPublishAndCommit, "crash-between-publish-and-commit", "The source crashed with a transaction in its binlog that its engine had not committed.";
    CrashInRestore, "crash-in-restore", "The source crashed or failed over while the snapshot was being restored.";
    CommitOutcomeUnknown, "commit-outcome-unknown", "A client lost its connection after it had sent COMMIT.";
    UnknownHadSucceeded, "unknown-had-succeeded", "A transaction whose client never heard of its COMMIT was committed all the same.";
    RetryAfterSuccess, "retry-after-success", "A client tried a transaction again whose COMMIT had succeeded, unheard.";
    HandshakePurged, "handshake-purged", "The source refused the receiver because it had purged what the receiver needs.";
    HandshakeTooNew, "handshake-too-new", "The source refused the receiver because the receiver has more than the source.";
    HandshakePastEnd, "handshake-past-end", "The source refused the receiver because its binlog does not reach that far: a tail is lost.";
    HandshakeRefused, "handshake-refused", "The source refused the receiver for another reason.";
    ZeroLagUnreceived, "zero-lag-unreceived", "Seconds_Behind_Source read 0 while the source had events that the target had not received.";
    ReceiverReconnected, "receiver-reconnected", "The receiver lost its connection and got another.";
    ReplicationResumed, "replication-resumed", "The target's server came back from a crash and went on replicating by itself.";
    ApplierDiedAtWork, "applier-died-at-work", "The applier's threads died while they were applying.";
    RelayLogLostUnapplied, "relay-log-lost-unapplied", "The relay log was lost with transactions in it that were not applied.";
    CorruptEventRefused, "corrupt-event-refused", "The receiver refused binlog events whose checksum was wrong.";
    WriteRefusedByFence, "write-refused-by-fence", "A client's write was refused because the source was read-only.";
    CommitRefusedByFence, "commit-refused-by-fence", "A transaction that was open when the source became read-only was refused at COMMIT.";
    StaleAddress, "stale-address", "A client that connected anew went to the source after the name had been pointed at the target.";
}

impl Probe {
    /// Its name.
    pub fn name(self) -> &'static str {
        CATALOGUE[self as usize].1
    }

    /// What it is.
    pub fn about(self) -> &'static str {
        CATALOGUE[self as usize].2
    }
}

/// How often each probe was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probes([u32; CATALOGUE.len()]);

impl Default for Probes {
    fn default() -> Self {
        Self([0; CATALOGUE.len()])
    }
}

impl Probes {
    /// One is reached.
    pub fn reach(&mut self, probe: Probe) {
        let count = &mut self.0[probe as usize];
        *count = count.saturating_add(1);
    }

    /// How often one was reached.
    pub fn count(&self, probe: Probe) -> u32 {
        self.0[probe as usize]
    }

    /// Those that were reached, and how often.
    pub fn reached(&self) -> impl Iterator<Item = (Probe, u32)> {
        let counts = CATALOGUE.iter().zip(self.0);
        counts
            .filter(|(_, n)| *n > 0)
            .map(|((probe, ..), n)| (*probe, n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_the_order_of_the_probes() {
        for (i, (probe, name, _)) in CATALOGUE.iter().enumerate() {
            assert_eq!((*probe as usize, probe.name()), (i, *name));
        }
    }
}
