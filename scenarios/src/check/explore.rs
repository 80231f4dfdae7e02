//! What a scenario may say of its sweeps.

use super::{Problem, keys};
use crate::{document::Part, serde_message::nearest};
use cutover_sim::{
    explore::{Exemption, Exploring},
    probes::{CATALOGUE, Probe},
};

/// Checks the exemptions: an exemption of nothing, or without a reason, would hide something.
pub(crate) fn exploring(exploring: &Exploring) -> Result<(), Problem> {
    for (index, exemption) in exploring.exempt.iter().enumerate() {
        check(exemption).map_err(|mut problem| {
            problem
                .path
                .splice(0..0, [Part::Key("exempt"), Part::Index(index)]);
            problem
        })?;
    }
    Ok(())
}

fn check(exemption: &Exemption) -> Result<(), Problem> {
    if Probe::of_name(&exemption.probe).is_none() {
        let names = CATALOGUE.iter().map(|(_, name, _)| *name);
        let did_you_mean = match nearest(&exemption.probe, names) {
            Some(name) => format!("; did you mean `{name}`?"),
            None => String::new(),
        };
        return Err(Problem::new(
            keys(&["probe"]),
            format!("`{}` is no probe{did_you_mean}", exemption.probe),
            "`cutover list probes` has them all",
        ));
    }
    if exemption.because.trim().is_empty() {
        return Err(Problem::new(
            keys(&["because"]),
            "an exemption without a reason",
            "say why no sweep of this scenario can reach the probe, or leave the exemption out",
        ));
    }
    Ok(())
}
