// There are no locales and no streams. Operators of strings that nobody can call
// name these.
#pragma once
#pragma GCC system_header
#include <bits/c++config.h>
#include <iosfwd>

namespace std {
class locale;
template <typename Char>
class ctype;
template <typename Facet>
const Facet& use_facet(const locale&);
class ios_base;
template <typename Char, typename Traits>
basic_ostream<Char, Traits>& __ostream_insert(basic_ostream<Char, Traits>&, const Char*, long);
}  // namespace std
