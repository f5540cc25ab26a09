// Arrays in NumPy's format, of any bytes, under each rule of what may be in them.

#include "fuzz.hpp"
#include "tandem/detail/npy.hpp"
#include "tandem/detail/npy_vector.hpp"

using namespace tandem;

void tandem_fuzz::run(std::string_view input) {
  const std::uint8_t rules = choice(input);
  const std::string path = (folder() / "array.npy").string();
  write_bytes(path, input);
  taken([&] {
    if (rules % 4 == 3) {
      claim(detail::read_npy_indices<std::uint32_t>(path).size() <= input.size());
    } else if (rules % 4 == 2) {
      claim(detail::read_npy_reals(path).size() <= input.size());
    } else {
      const auto matrix =
          detail::read_npy(path, rules % 4 == 0 ? detail::npy_rules::as_written : detail::npy_rules::any_numbers);
      claim(matrix.values.size() == matrix.rows * matrix.columns && matrix.values.size() <= input.size());
    }
  });
}

std::vector<std::string> tandem_fuzz::seeds() {
  std::vector<std::string> out;
  const auto add = [&](char rules, const char* descr, const char* fortran, const char* shape, std::size_t bytes) {
    std::string header =
        std::string("{'descr': '") + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
    header.resize(117, ' ');
    out.push_back(std::string(1, rules) + std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n" +
                  std::string(bytes, '\1'));
  };
  add(0, "<f4", "False", "(3, 2)", 24);
  add(1, "<f8", "True", "(2, 2)", 32);
  add(1, "<f4", "False", "(0, 4)", 0);
  add(2, "<f8", "False", "(5,)", 40);
  add(3, "<i4", "False", "(4,)", 16);
  add(3, "<u8", "False", "(2,)", 16);
  out.push_back(std::string(1, '\3') + std::string("\x93NUMPY\x02\x00\x05\x00\x00\x00", 12) + "{   }");
  return out;
}
