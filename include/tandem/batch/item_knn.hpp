#pragma once
// Item-to-item nearest neighbours: what is taken by the same users is alike.
//
// With x_i the column of item i over all users, weighted as below, the similarity and the score of a history w are
//     s_ij = <x_i, x_j> / (|x_i| |x_j| + shrinkage),     score(j) = sum over i in N(j) of w_i s_ij,
// where N(j) holds the `neighbours` items most like j (Sarwar, Karypis, Konstan, Riedl 2001; Deshpande and Karypis
// 2004; the shrinkage as in Ferrari Dacrema, Boglio, Cremonesi, Jannach 2021, "A troubling analysis"). x_ui comes from
// the interaction's weight w_ui, N = n_items, n_u = |items of u|, L_i = sum_u w_ui, avg L over items:
//     none    w_ui
//     tf_idf  sqrt(w_ui) idf_u
//     bm25    w_ui (k1 + 1) / (k1 (1 - b + b L_i / avg L) + w_ui) idf_u         idf_u = log N - log(1 + n_u)
// Names elsewhere: CosineRecommender, TFIDFRecommender and, with normalize = false, BM25Recommender in implicit, where
// an item is one of its own K neighbours and the K are kept for each i, not for each j.

#include <cstddef>
#include <cstdint>

#include "tandem/batch/item_weights.hpp"
#include "tandem/core/executor.hpp"
#include "tandem/core/progress.hpp"
#include "tandem/data/interactions.hpp"

TANDEM_BEGIN
namespace batch {

/// How an interaction counts in a similarity.
enum class item_weighting : std::uint8_t {
  none,    ///< by its weight
  tf_idf,  ///< by the root of its weight; less, the more items the user has
  bm25,    ///< saturating with its weight and the item's popularity; less, the more items the user has
};

/// Options of fit_item_knn().
struct item_knn_options {
  /// With normalize and weights all alike, bm25 is tf_idf: what it takes off a popular item goes with its length.
  item_weighting weighting = item_weighting::tf_idf;
  /// Divides by the lengths of both columns: the cosine. Without, s_ij = <x_i, x_j>, and popular items win.
  bool normalize = true;
  /// Added to the product of the lengths: holds back similarities that rest on few users. Range [0, inf); 0 without
  /// normalize.
  float shrinkage = 0;
  /// Items kept as neighbours of each item. Range [1, 2^32). Called K in implicit (20 there), topK in Ferrari Dacrema
  /// et al. (5 to 1000).
  std::size_t neighbours = 100;
  /// For bm25: how late the weight saturates, K1 in implicit. Range [0, inf). Text search uses 1.2.
  float k1 = 100;
  /// For bm25: how far an item's popularity counts against it, B in implicit. Range [0, 1]. Text search uses 0.75.
  float b = 0.8F;

  /// Errors: invalid_argument, naming the option and its range.
  void validate() const;
};

/// Finds the neighbours of every item; entry (i, j) of the result is s_ij if i is one of N(j), and s_ij > 0.
///
/// @param report  called on the calling thread between blocks of at most 4,096 items: done and total count items.
/// Ties: the smaller index is kept. Items without history are nobody's neighbours.
/// Complexity: sum over users of |history|^2. Allocates: 4 bytes an entry of the log, 16 bytes a neighbour kept, and 16
/// bytes an item for each thread. Threads: thread-safe. The result is the same, bit for bit, for every executor.
/// Errors: invalid_argument for an option, or a log with dislikes; cancelled; not_finite when a similarity is
/// beyond float32.
[[nodiscard]] item_weights fit_item_knn(const interactions& log, const item_knn_options& options,
                                        executor_ref executor = {}, const progress& report = {});

}  // namespace batch
TANDEM_END

#include "tandem/detail/item_knn_impl.hpp"
