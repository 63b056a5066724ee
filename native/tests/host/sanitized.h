#pragma once

namespace gpubridge::testing {

// A sanitizer answers crashes and want of memory itself.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace gpubridge::testing
