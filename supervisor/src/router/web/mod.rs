//! What everything that answers HTTP here needs: the client's body within bounds, and whether it asked for this
//! machine by a name of its own. It knows neither dialects nor the admin API.

pub(crate) mod body;
pub(crate) mod hosts;
