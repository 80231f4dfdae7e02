//! Does the application do its part?

use super::{
    Look,
    fences::By,
    scene::{Scene, about},
};
use crate::{
    environment::{Resolver, Retry},
    faults::{Class, class},
    runbook::{Host, Op},
};

/// `read_only` does not stop who has CONNECTION_ADMIN: what such clients write behind the fence is on the source alone.
pub(super) fn privileged(scene: &Scene<'_>) -> Option<Look> {
    let fenced = scene.fenced?;
    let opened = scene.repoints()?.ends;
    let privileged = scene.plan.environment.clients.privileged;
    let statement = "SELECT grantee FROM information_schema.user_privileges WHERE privilege_type IN \
                     ('CONNECTION_ADMIN', 'SUPER');  -- on the source";
    if privileged == 0 {
        return Look::pass("no client of the application is privileged", statement);
    }
    if scene.fence().is_some_and(|fence| fence.by == By::Door) {
        return Look::pass(
            "the source lets no client in, whatever its privileges",
            statement,
        );
    }
    let all = scene.plan.workload.clients.max(1);
    let reason = format!(
        "{privileged} of {all} clients have CONNECTION_ADMIN: read_only does not stop them, and what they write \
         behind the fence never reaches the target"
    );
    // Their connections stay with the source, until the pool replaces them.
    let settings = &scene.plan.environment.clients;
    let stays = settings.max_lifetime.0 / 2;
    let stays = stays.min(scene.plan.workload.after_cutover.0);
    let restarted = scene
        .first(|op| {
            matches!(op, Op::Repoint(o) if o.restart_clients)
                || matches!(op, Op::KillConnections(_))
        })
        .is_some();
    let window = match scene.moves_some() {
        _ if restarted => 0,
        // Who is privileged may be among those who are moved first.
        Some(some) => some.begins.saturating_sub(fenced),
        None => opened.saturating_sub(fenced) + stays,
    };
    let share = f64::from(privileged) / f64::from(all);
    let surely = scene.surely_writes(window, share);
    Look::certain(Look::fail(reason, statement), surely)
}

pub(super) fn resolution(scene: &Scene<'_>) -> Option<Look> {
    let repoint = scene.repoints()?;
    let Op::Repoint(o) = repoint.op else {
        return None;
    };
    let environment = &scene.plan.environment;
    let statement = "java -XshowSettings:properties -version 2>&1 | grep networkaddress.cache.ttl  # 5 or less; and \
                     no security manager";
    if environment.clients.resolver == Resolver::Ttl {
        let ttl = environment.names.ttl;
        let reason = format!("names are cached for the record's TTL, {ttl}");
        let promised = scene.plan.runbook.promises.downtime;
        return match promised {
            Some(promised) if ttl > promised && !o.restart_clients => Look::warn(
                format!(
                    "{reason}, and the runbook promises a downtime of {promised}: who has just looked it up waits longer"
                ),
                "names.ttl",
            ),
            _ => Look::pass(reason, statement),
        };
    }
    if o.restart_clients {
        return Look::pass(
            "names are cached for ever, and the application is restarted when the name moves",
            statement,
        );
    }
    let reason = "names are cached for ever: the clients stay with the old writer until somebody restarts them \
                  (`restart_clients = true`)";
    // Nobody arrives at the target, which is a violation where a downtime is promised that is over by then.
    let promised = scene.plan.runbook.promises.downtime;
    let after = scene.plan.workload.after_cutover;
    let surely = promised.is_some_and(|promised| after > promised)
        && scene.surely_writes(after.0, 1.0)
        && scene.fenced.is_some()
        && environment.clients.privileged == 0;
    Look::certain(Look::fail(reason, statement), surely)
}

pub(super) fn pools(scene: &Scene<'_>) -> Option<Look> {
    let repoint = scene.repoints()?;
    let settings = &scene.plan.environment.clients;
    let statement = "SELECT id, user, host, time FROM information_schema.processlist WHERE user = 'app';  -- on the \
                     source, none a minute after the cutover; CALL mysql.rds_kill(id)";
    let killed = scene.first(|op| matches!(op, Op::KillConnections(Host::Source)));
    let restarted = matches!(repoint.op, Op::Repoint(o) if o.restart_clients);
    if settings.drop_on_read_only || restarted || killed.is_some_and(|k| k.begins >= repoint.begins)
    {
        return Look::pass(
            match (restarted, settings.drop_on_read_only) {
                (true, _) => "the application is restarted when the name moves",
                (_, true) => "the driver drops a connection that answers 1290",
                _ => "the source's connections are killed behind the cutover",
            },
            statement,
        );
    }
    let life = settings.max_lifetime;
    let promised = scene.plan.runbook.promises.downtime;
    let reason = format!(
        "the driver keeps a connection that answers 1290, and the pool replaces it after {life}: until then its \
         client cannot write"
    );
    // One that was made on the fenced source just before the name moves is kept from then on.
    let fenced = scene.fenced.unwrap_or(repoint.ends);
    let longest = life.0 + repoint.ends.saturating_sub(fenced);
    match promised {
        Some(promised) if longest > promised.0 => Look::fail(
            format!(
                "{reason}, up to {} from the fence on, and the runbook promises a downtime of {promised}",
                about(longest)
            ),
            statement,
        ),
        _ => Look::warn(reason, statement),
    }
}

pub(super) fn retries(scene: &Scene<'_>) -> Option<Look> {
    scene.repoints()?;
    let statement =
        "an idempotency key: a UNIQUE column with the request's id, or a table of outcomes";
    match scene.plan.environment.clients.retry {
        Retry::Blind => Look::warn(
            "the driver tries a transaction again whose COMMIT was not answered: it may have succeeded, and then it \
             takes effect twice",
            statement,
        ),
        Retry::None | Retry::Definite => {
            Look::pass("nobody repeats a transaction of unknown outcome", statement)
        }
    }
}

/// Clients on two servers: only behind a fence of the one that is left.
pub(super) fn share(scene: &Scene<'_>) -> Option<Look> {
    let part = scene.moves_some()?;
    let statement =
        "SELECT @@global.read_only;  -- on the source, 1 before the first client is moved";
    if scene.fenced.is_some_and(|fenced| fenced <= part.begins) {
        return Look::pass(
            "the source is fenced when a part of the clients is moved",
            statement,
        );
    }
    let reason = "a part of the clients writes to the target while the rest writes to the source: two histories that \
                  nobody can put together";
    let whole = scene.repoints().map_or(u64::MAX, |timed| timed.begins);
    let together = whole
        .saturating_sub(part.ends)
        .min(scene.plan.workload.after_cutover.0);
    let surely = scene.surely_writes(together, 0.25);
    Look::certain(Look::fail(reason, statement), surely)
}

pub(super) fn faults(scene: &Scene<'_>) -> Option<Look> {
    let faults = &scene.plan.faults;
    let hazards: Vec<String> = faults
        .iter()
        .filter_map(|fault| match class(fault, scene.plan)? {
            Class::Hazard(breaks) => Some(format!(
                "`{}` breaks: {breaks}",
                fault.harm().ok()?.kind().facts().key
            )),
            Class::Contract => None,
        })
        .collect();
    let statement = "cutover list faults";
    if faults.is_empty() {
        return None;
    }
    match hazards.is_empty() {
        true => Look::pass(
            "the scenario's faults are such that a strategy survives",
            statement,
        ),
        false => Look::warn(hazards.join("; "), statement),
    }
}
