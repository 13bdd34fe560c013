//! Reasons with stable codes, each written in one place.

/// An enum of reasons with [`ALL`](crate::source::SourceReason::ALL) of them and the code of each, so that what stands in
/// documents and tables can be compared with what the program says.
macro_rules! reasons {
    ($(#[$about:meta])* $visible:vis enum $of:ident { $($(#[$doc:meta])* $name:ident = $code:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visible enum $of {
            $($(#[$doc])* $name,)+
        }

        impl $of {
            /// Every reason there is.
            $visible const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable code.
            #[must_use]
            $visible const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

pub(crate) use reasons;

/// The code of every reason for which a row or a file is held back.
pub fn reason_codes() -> impl Iterator<Item = &'static str> {
    let of_cells = crate::cast::CastReason::ALL.iter().map(|reason| reason.code());
    let of_rows = crate::mapping::RowReason::ALL.iter().map(|reason| reason.code());
    let of_files = crate::source::SourceReason::ALL.iter().map(|reason| reason.code());
    of_cells.chain(of_rows).chain(of_files)
}
