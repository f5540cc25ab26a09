// Cholesky: A = L^T L, last variable first, so that every inner loop runs along a row.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

constexpr size_t block_rows = 16;

// Eliminates the last variable, then the one before, of a block of n <= block_rows rows, `stride` apart, and of its
// right-hand side x. The diagonal of L is stored inverted. Reads and writes whole vectors: block_rows floats a row.
// From pivot to pivot there is one division; roots are taken beside.
HWY_INLINE bool eliminate(float* HWY_RESTRICT rows, size_t stride, size_t n, float* HWY_RESTRICT x) {
  constexpr size_t chunks = block_rows / lanes;
  HWY_ALIGN float pivot_row[block_rows];
  HWY_ALIGN float right_row[block_rows] = {};
  for (size_t j = 0; j < n; ++j) right_row[j] = x[j];
  vec v[block_rows][chunks];
  vec right[chunks];
  HWY_UNROLL(16)
  for (size_t p = 0; p < block_rows; ++p) {
    HWY_UNROLL(4)
    for (size_t c = 0; c < chunks; ++c) v[p][c] = p < n ? hn::LoadU(d, rows + p * stride + c * lanes) : hn::Zero(d);
  }
  HWY_UNROLL(4)
  for (size_t c = 0; c < chunks; ++c) right[c] = hn::Load(d, right_row + c * lanes);
  bool positive = true;
  HWY_UNROLL(16)
  for (size_t p = block_rows; p-- > 0;) {
    if (p >= n) continue;
    HWY_UNROLL(4)
    for (size_t c = 0; c < chunks; ++c) hn::Store(v[p][c], d, pivot_row + c * lanes);
    const float pivot = pivot_row[p];
    positive = positive && pivot >= FLT_MIN && pivot <= FLT_MAX;
    const float inverse = 1 / pivot;
    const float root = std::sqrt(inverse);
    x[p] = right_row[p] * root;
    const vec known = hn::Set(d, right_row[p]);
    HWY_UNROLL(4)
    for (size_t c = 0; c < chunks; ++c) {
      hn::StoreU(hn::Mul(v[p][c], hn::Set(d, root)), d, rows + p * stride + c * lanes);
      // what the vectors hold at and beyond the pivot is not read again
      const vec scaled = hn::Mul(v[p][c], hn::Set(d, inverse));
      HWY_UNROLL(16)
      for (size_t i = 0; i < p; ++i) v[i][c] = hn::NegMulAdd(hn::Set(d, pivot_row[i]), scaled, v[i][c]);
      right[c] = hn::NegMulAdd(known, scaled, right[c]);
      hn::Store(right[c], d, right_row + c * lanes);
    }
    rows[p * stride + p] = root;
  }
  return positive;
}

// eliminate() for rows and columns [first, last) of the matrix
HWY_INLINE bool factor_block(float* matrix, float* x, size_t k, size_t first, size_t last) {
  const size_t n = last - first;
  float* corner = matrix + first * k + first;
  if (n == block_rows) return eliminate(corner, k, n, x + first);
  HWY_ALIGN float rows[block_rows * block_rows] = {};
  for (size_t p = 0; p < n; ++p) {
    for (size_t j = 0; j <= p; ++j) rows[p * block_rows + j] = corner[p * k + j];
  }
  const bool done = eliminate(rows, block_rows, n, x + first);
  for (size_t p = 0; p < n; ++p) {
    for (size_t j = 0; j <= p; ++j) corner[p * k + j] = rows[p * block_rows + j];
  }
  return done;
}

// The same for columns [j, j + lanes) before a block of n rows, whose own columns, from `rows` on, are factored:
// `part`, `stride` apart as well, becomes rows of L. All rows are kept at hand, so that each is subtracted from many at
// once.
HWY_INLINE void factor_columns(const float* HWY_RESTRICT rows, float* HWY_RESTRICT part, size_t stride, size_t n) {
  vec v[block_rows];
  HWY_UNROLL(16)
  for (size_t p = 0; p < block_rows; ++p) v[p] = p < n ? hn::LoadU(d, part + p * stride) : hn::Zero(d);
  HWY_UNROLL(16)
  for (size_t t = block_rows; t-- > 0;) {
    if (t >= n) continue;
    const float* factor = rows + t * stride;
    v[t] = hn::Mul(v[t], hn::Set(d, factor[t]));
    HWY_UNROLL(16)
    for (size_t p = 0; p < t; ++p) v[p] = hn::NegMulAdd(hn::Set(d, factor[p]), v[t], v[p]);
    hn::StoreU(v[t], d, part + t * stride);
  }
}

bool cholesky_solve(float* matrix, float* x, size_t k) {
  // the first block takes what is over, so that all the others start at a multiple of the vector length
  const size_t over = k % block_rows;
  for (size_t last = k; last > 0;) {
    const size_t first = last == k && over != 0 ? last - over : last - block_rows;
    if (!factor_block(matrix, x, k, first, last)) return false;
    for (size_t j = 0; j < first; j += lanes) {
      factor_columns(matrix + first * k + first, matrix + first * k + j, k, last - first);
    }
    const float* rows = matrix + first * k;
    for (size_t a = 0; a < first; a += lanes) {
      triangle_rows<sign::minus>(a, rows, rows, k, last - first, matrix + a * k, k);
    }
    for (size_t p = first; p < last; ++p) axpy(-x[p], matrix + p * k, x, first);
    last = first;
  }
  // L x = z, block by block: the columns before the block are final, then one variable after the other
  for (size_t first = 0; first < k;) {
    const size_t last = k - first < block_rows ? k : first + block_rows;
    float known[block_rows];
    score_rows(x, 1, matrix + first * k, last - first, first, k, known);
    for (size_t p = first; p < last; ++p) {
      x[p] = (x[p] - known[p - first]) * matrix[p * k + p];
      for (size_t i = p + 1; i < last; ++i) known[i - first] += matrix[i * k + p] * x[p];
    }
    first = last;
  }
  return true;
}
