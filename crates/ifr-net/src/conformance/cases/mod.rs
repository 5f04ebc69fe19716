mod conv;
mod deform;
mod instants;
mod networks;
mod norms;
mod pointwise;
mod sample;

use super::Case;
use crate::graph::GraphError;

/// The suite: every operation, alone and then together.
///
/// # Errors
/// [`GraphError`] when a case is described wrongly, which the suite's own tests rule out.
pub fn cases() -> Result<Vec<Case>, GraphError> {
    let mut cases = conv::cases()?;
    cases.extend(deform::cases()?);
    cases.extend(sample::cases()?);
    cases.extend(pointwise::cases()?);
    cases.extend(norms::cases()?);
    cases.extend(instants::cases()?);
    cases.extend(networks::cases()?);
    Ok(cases)
}
