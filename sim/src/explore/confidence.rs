//! What a clean sweep says: with 95 % confidence, at most such a share of plans fails.

/// The upper end of the one-sided Clopper-Pearson interval at 95 % for 0 failures in `plans` plans: the share `p` with
/// `(1 - p)^plans = 0.05`; 1 for no plans. About `3 / plans` ("rule of three").
///
/// By bisection with multiplications alone: `powf` and `ln` differ by platform.
pub fn at_most(plans: u64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // As many halvings as a double has bits.
    for _ in 0..64 {
        let middle = (low + high) / 2.0;
        if power(1.0 - middle, plans) > 0.05 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent % 2 == 1 {
            product *= base;
        }
        base *= base;
        exponent /= 2;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_that_of_clopper_and_pearson() {
        // 1 - 0.05^(1/n), to six digits.
        for (plans, share) in [
            (1, 0.950_000),
            (2, 0.776_393),
            (10, 0.258_866),
            (100, 0.029_513_0),
            (1_000, 0.002_991_25),
            (10_000, 0.000_299_528),
        ] {
            let off = (at_most(plans) - share).abs() / share;
            assert!(off < 2e-6, "{plans}: {} instead of {share}", at_most(plans));
        }
        assert_eq!(at_most(0), 1.0);
    }

    #[test]
    fn for_many_plans_it_is_three_by_their_number() {
        let plans = 1_000_000;
        let off = at_most(plans) * plans as f64 - 2.995_732;
        assert!(off.abs() < 1e-4, "{off}");
    }
}
