// Package interval has intervals of confidence of 95 % for what benchmarks count.
package interval

import "math"

const z = 1.959963985

// Poisson returns Garwood's exact interval for the mean of which k events were
// counted.
func Poisson(k int) (low, high float64) {
	if k > 0 {
		low = meanFor(k-1, 0.975)
	}
	return low, meanFor(k, 0.025)
}

// meanFor returns the mean at which k events or fewer have the probability p.
func meanFor(k int, p float64) float64 {
	low, high := 0.0, float64(k)+10+10*math.Sqrt(float64(k)+1)
	for range 100 {
		mid := (low + high) / 2
		if atMost(k, mid) > p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// atMost is the probability of k events or fewer.
func atMost(k int, mean float64) float64 {
	if mean == 0 {
		return 1
	}
	sum := 0.0
	for i := k; i >= 0; i-- { // from the largest term below the mean down
		lg, _ := math.Lgamma(float64(i) + 1)
		term := math.Exp(float64(i)*math.Log(mean) - mean - lg)
		if sum += term; term < 1e-18*sum && float64(i) < mean {
			break
		}
	}
	return min(sum, 1)
}

// Wilson returns Wilson's interval for the share of which k of n were counted;
// 0 to 1 where n is 0.
func Wilson(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	p, N := float64(k)/float64(n), float64(n)
	mid := (p + z*z/(2*N)) / (1 + z*z/N)
	half := z / (1 + z*z/N) * math.Sqrt(p*(1-p)/N+z*z/(4*N*N))
	return max(0, mid-half), min(1, mid+half)
}
