//! What a run came to: the verdict, its reasons, the figures, the story.

use crate::{runbook::Host, units::Moment};
use serde::{Deserialize, Serialize};

/// The verdict on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Cutover happened, no property is violated.
    Safe,
    /// At least one property is violated.
    Violated,
    /// Ended cleanly without cutover: the source is writable and complete.
    Aborted,
    /// Neither finished nor aborted within its bounds, or the application is kept out of the server that it is pointed at.
    NotLive,
    /// Exercised nothing: no write was acknowledged, or none that the strategy could have lost.
    Unknown,
}

/// Where a migration was called off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledOff {
    /// The number of the runbook's step that failed, from 1.
    pub step: u32,
    /// What that step says.
    pub during: String,
    /// Why it failed.
    pub because: String,
}

impl Verdict {
    /// Whether something is wrong with the strategy, or with what it relies on.
    pub fn is_failure(self) -> bool {
        match self {
            Self::Violated | Self::NotLive => true,
            Self::Safe | Self::Aborted | Self::Unknown => false,
        }
    }
}

/// How one property came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Finding {
    /// Checked, and it holds.
    Holds,
    /// Checked, and it does not hold.
    Violated {
        /// How many writes, rows, operations or reads violate it.
        count: u64,
        /// The smallest witness, explained in a sentence.
        first: String,
    },
    /// The runbook has nothing that it could be about (no fence, no gate, no cutover).
    Absent {
        /// What is missing.
        why: String,
    },
}

/// A property and how it came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PropertyResult {
    /// `P1` to `P19`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How it came out.
    #[serde(flatten)]
    pub finding: Finding,
}

/// Outcomes of the clients' transactions that write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Commits {
    /// Acknowledged.
    pub ok: u64,
    /// Definitely not committed.
    pub fail: u64,
    /// Unknown to the client.
    pub info: u64,
}

/// The stages that a committed write passes; the first that does not have it is the cause of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Committed on the source, and still there after its crashes.
    Source,
    /// Committed on the source, and in the snapshot.
    Snapshot,
    /// In its table when a tool read that.
    Copied,
    /// Still in the source's binlog when it was needed.
    Binlog,
    /// Sent to the target.
    Sent,
    /// In the target's relay log.
    RelayLog,
    /// Captured by a tool that carries changes.
    Captured,
    /// Applied on the target.
    Applied,
    /// Not left out by an error policy.
    Accepted,
    /// Visible on the endpoint that serves.
    Visible,
}

/// Why one write was lost, repeated, or should not be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What the transaction did, in the application's words: `order 1000001, placed by client 7`.
    pub what: String,
    /// When it was acknowledged (committed, when never acknowledged).
    pub at: Moment,
    /// Its GTID, when the server has GTIDs.
    pub gtid: Option<String>,
    /// Binlog file and position of its end.
    pub position: Option<String>,
    /// Where it got lost.
    pub stage: Stage,
    /// The sentence.
    pub because: String,
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoryLine {
    /// When.
    pub at: Moment,
    /// Who: `operator`, `source`, `target`, `clients`, `rds`.
    pub who: &'static str,
    /// What happened.
    pub what: String,
    /// The commands, for a step of the runbook.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

/// Going back to the source: what it would lose, or has lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WayBack {
    /// Whether the application went back in this run.
    pub taken: bool,
    /// Acknowledged writes of the target that the source does not have at the end.
    pub loses: u64,
    /// How long after the cutover one could go back and lose nothing, in ms: until the first of these writes. None when
    /// there are none, or no cutover.
    pub free_for_ms: Option<u64>,
}

/// What the operator did by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByHand {
    /// Steps that change something, or note something.
    pub actions: u32,
    /// Steps that wait for something.
    pub waits: u32,
}

/// A fault of the plan's schedule that has fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultSeen {
    /// Its place in the schedule, from 0.
    pub fault: u16,
    /// Its kind.
    pub kind: &'static str,
    /// When it fired.
    pub at: Moment,
    /// The assumption of the strategy that it breaks; none for one that the strategy promises to survive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaks: Option<&'static str>,
}

/// A rare path that the run went along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeSeen {
    /// Its name.
    pub probe: &'static str,
    /// How often.
    pub count: u32,
}

/// Everything that is told of a run. A function of the plan, `wall_ms` excepted.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// The runbook's name.
    pub strategy: String,
    /// The plan's seed.
    pub seed: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the scenario's expectations hold; the verdict is to be *safe* when there are none.
    pub as_expected: bool,
    /// Every property.
    pub properties: Vec<PropertyResult>,
    /// The transactions that write.
    pub commits: Commits,
    /// Acknowledged transactions of the source that the target lacks.
    pub lost_writes: u64,
    /// Transactions on the target that the source does not have, or that failed for their client.
    pub phantom_writes: u64,
    /// Transactions that took effect more than once.
    pub duplicate_writes: u64,
    /// From the last acknowledged write on the source to the first on the target; 0 where they overlap,
    /// none without cutover.
    pub downtime_ms: Option<u64>,
    /// Rows of the database that serves that are not what they should be, and declarations; none without cutover.
    pub diverged_rows: Option<u64>,
    /// Whether, and at what price, the application can go back to the source, as it stands at the end.
    pub way_back: WayBack,
    /// Where the application's name points in the end: what is lost is missing there.
    pub serving: Host,
    /// What the operator did.
    pub by_hand: ByHand,
    /// The longest time in which no write was acknowledged anywhere while clients wanted to write.
    pub longest_stall_ms: u64,
    /// `Seconds_Behind_Source` in truth: age of the oldest committed transaction that the target lacked at
    /// cutover (at the end, without cutover).
    pub final_lag_ms: Option<u64>,
    /// Virtual time of the whole run.
    pub virtual_ms: u64,
    /// Hash of the trace and the final states.
    pub fingerprint: String,
    /// The faults that have fired, in order.
    pub faults: Vec<FaultSeen>,
    /// The rare paths that the run went along.
    pub probes: Vec<ProbeSeen>,
    /// Who did what.
    pub story: Vec<StoryLine>,
    /// The first few lost, phantom and repeated writes, explained.
    pub explanations: Vec<Explanation>,
    /// What limits the result: transactions not replayable, columns unknown, …
    pub notes: Vec<String>,
}
