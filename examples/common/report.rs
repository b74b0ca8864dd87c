//! What becomes of a rule file, on standard error.

use meshpool::istio::watch::Change;

/// Says what is in force now. Of a rejected file the library has said so itself.
pub(crate) fn report(change: &Change) {
    match change {
        Change::Applied(rule) => {
            eprintln!("rule applied: {:?}", rule.limits());
            for notice in rule.notices() {
                eprintln!("{notice}");
            }
        }
        Change::Removed => eprintln!("no rule: nothing is limited"),
        _ => {}
    }
}
