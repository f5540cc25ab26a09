// Cholesky: A = L^T L, last variable first, so that every inner loop runs along a row.
// Part of highway.cpp, read once for every instruction set inside its namespace: no guard, no includes.

constexpr size_t block_rows = 16;

// Eliminates the last variable, then the one before, of a block of n <= block_rows rows, `stride` apart, and of its
// right-hand side x. The diagonal of L is stored inverted. Reads and writes whole vectors: block_rows floats a row.
HWY_INLINE bool eliminate(float* HWY_RESTRICT rows, size_t stride, size_t n, float* HWY_RESTRICT x) {
  HWY_ALIGN float right[block_rows] = {};
  for (size_t j = 0; j < n; ++j) right[j] = x[j];
  for (size_t p = n; p-- > 0;) {
    float* row = rows + p * stride;
    if (!(row[p] > 0 && row[p] <= FLT_MAX)) return false;
    const float inverse = 1 / std::sqrt(row[p]);
    x[p] = right[p] * inverse;
    // what the vectors hold at and beyond the pivot is not read again
    for (size_t j = 0; j < p; j += lanes) {
      const vec v = hn::Mul(hn::LoadU(d, row + j), hn::Set(d, inverse));
      hn::StoreU(v, d, row + j);
      hn::Store(hn::NegMulAdd(hn::Set(d, x[p]), v, hn::Load(d, right + j)), d, right + j);
    }
    for (size_t i = p; i-- > 0;) {
      const vec factor = hn::Set(d, row[i]);
      for (size_t j = 0; j <= i; j += lanes) {
        float* to = rows + i * stride + j;
        hn::StoreU(hn::NegMulAdd(factor, hn::LoadU(d, row + j), hn::LoadU(d, to)), d, to);
      }
    }
    row[p] = inverse;
  }
  return true;
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

// The same for the columns before `first`, a multiple of lanes: rows [first, last) become rows of L there.
HWY_INLINE void factor_rows(float* matrix, size_t k, size_t first, size_t last) {
  for (size_t j = 0; j < first; j += lanes) {
    for (size_t p = last; p-- > first;) {
      vec v = hn::LoadU(d, matrix + p * k + j);
      for (size_t t = last; --t > p;) {
        v = hn::NegMulAdd(hn::Set(d, matrix[t * k + p]), hn::LoadU(d, matrix + t * k + j), v);
      }
      hn::StoreU(hn::Mul(v, hn::Set(d, matrix[p * k + p])), d, matrix + p * k + j);
    }
  }
}

bool cholesky_solve(float* matrix, float* x, size_t k) {
  // the first block takes what is over, so that all the others start at a multiple of the vector length
  const size_t over = k % block_rows;
  for (size_t last = k; last > 0;) {
    const size_t first = last == k && over != 0 ? last - over : last - block_rows;
    if (!factor_block(matrix, x, k, first, last)) return false;
    factor_rows(matrix, k, first, last);
    const float* rows = matrix + first * k;
    for (size_t a = 0; a < first; a += tile_rows) {
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
