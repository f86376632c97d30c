;; RUN: counts
(module
  (func $f)
  (@custom ".debug_info" "x")
  (@custom "sourceMappingURL" "x")
  (@custom "metadata.code.branch_hint" "x")
  (@custom "kept" "x"))
