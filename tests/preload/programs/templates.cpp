// SPDX-License-Identifier: MIT
//
// Owns a C++17 program that is hard on a compiler's heap and, when run, on operator new:
// containers, ownership across threads, aligned and nothrow forms, exceptions, bad_alloc.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace
{

void check(bool good, const char *what)
{
    if (!good) {
        std::fprintf(stderr, "templates: %s\n", what);
        std::exit(1);
    }
}

// A type for each N, so that the compiler instantiates a container of each.
template <std::size_t N> struct Cell {
    unsigned char bytes[N + 1];
    explicit Cell(unsigned char fill)
    {
        std::fill(std::begin(bytes), std::end(bytes), fill);
    }
    bool holds(unsigned char fill) const
    {
        return std::all_of(std::begin(bytes), std::end(bytes),
                           [fill](unsigned char b) { return b == fill; });
    }
};

template <std::size_t N> std::uint64_t exercise_cell()
{
    std::vector<std::unique_ptr<Cell<N>>> owned;
    std::list<Cell<N>> listed;
    std::map<int, std::shared_ptr<Cell<N>>> shared;
    for (int i = 0; i < 40; i++) {
        owned.push_back(std::make_unique<Cell<N>>(static_cast<unsigned char>(i)));
        listed.emplace_back(static_cast<unsigned char>(i));
        shared.emplace(i, std::make_shared<Cell<N>>(static_cast<unsigned char>(i)));
    }
    std::uint64_t good = 0;
    for (int i = 0; i < 40; i++) {
        good += owned[static_cast<std::size_t>(i)]->holds(static_cast<unsigned char>(i));
        good += shared.at(i)->holds(static_cast<unsigned char>(i));
        good += listed.front().holds(static_cast<unsigned char>(i));
        listed.pop_front();
    }
    return good;
}

template <std::size_t... N> std::uint64_t exercise_cells(std::index_sequence<N...>)
{
    return (exercise_cell<N * 37>() + ...);
}

template <std::size_t A> void exercise_aligned()
{
    struct alignas(A) Wide {
        unsigned char bytes[A * 2];
    };
    std::vector<Wide *> blocks;
    for (int i = 0; i < 50; i++) {
        blocks.push_back(new Wide[static_cast<std::size_t>(i % 3 + 1)]);
        check(reinterpret_cast<std::uintptr_t>(blocks.back()) % A == 0, "aligned new");
        std::fill_n(blocks.back()->bytes, sizeof(Wide), static_cast<unsigned char>(i));
    }
    for (Wide *block : blocks) {
        delete[] block;
    }
    void *raw = ::operator new(A * 3, std::align_val_t(A), std::nothrow);
    check(raw != nullptr && reinterpret_cast<std::uintptr_t>(raw) % A == 0, "aligned nothrow new");
    ::operator delete(raw, std::align_val_t(A), std::nothrow);
}

std::uint64_t exercise_text()
{
    std::unordered_map<std::string, std::vector<std::string>> index;
    const std::regex word("([a-z]+)-([0-9]+)");
    std::uint64_t sum = 0;
    for (int i = 0; i < 2000; i++) {
        std::ostringstream text;
        text << "name-" << i * 7919 % 1000;
        text << std::string(static_cast<std::size_t>(i % 300), '.');
        std::smatch match;
        const std::string line = text.str();
        check(std::regex_search(line, match, word), "regex");
        index[match[2]].push_back(match[0]);
    }
    for (const auto &[key, lines] : index) {
        sum += key.size() * lines.size();
    }
    return sum;
}

std::uint64_t exercise_variants()
{
    using Value = std::variant<int, std::string, std::vector<int>, std::tuple<double, std::string>>;
    std::deque<Value> values;
    for (int i = 0; i < 5000; i++) {
        switch (i % 4) {
        case 0: values.emplace_back(i); break;
        case 1: values.emplace_back(std::string(static_cast<std::size_t>(i % 500), 'v')); break;
        case 2: values.emplace_back(std::vector<int>(static_cast<std::size_t>(i % 700), i)); break;
        default: values.emplace_back(std::make_tuple(i * 0.5, std::to_string(i))); break;
        }
    }
    std::uint64_t sum = 0;
    for (const Value &value : values) {
        sum += std::visit(
            [](const auto &held) -> std::uint64_t {
                using T = std::decay_t<decltype(held)>;
                if constexpr (std::is_same_v<T, int>) {
                    return static_cast<std::uint64_t>(held);
                } else if constexpr (std::is_same_v<T, std::string>) {
                    return held.size();
                } else if constexpr (std::is_same_v<T, std::vector<int>>) {
                    return std::accumulate(held.begin(), held.end(), std::uint64_t{0});
                } else {
                    return std::get<1>(held).size();
                }
            },
            value);
    }
    return sum;
}

// Blocks made in one thread and freed in another.
std::uint64_t exercise_threads()
{
    std::vector<std::vector<std::shared_ptr<std::string>>> made(4);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < made.size(); t++) {
        threads.emplace_back([&made, t] {
            for (std::size_t i = 0; i < 20000; i++) {
                const char letter = static_cast<char>('a' + t);
                made[t].push_back(std::make_shared<std::string>(i % 600, letter));
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    threads.clear();
    std::vector<std::uint64_t> sums(4);
    for (std::size_t t = 0; t < made.size(); t++) {
        threads.emplace_back([&made, &sums, t] {
            auto &mine = made[(t + 1) % made.size()];
            for (auto &text : mine) {
                sums[t] += text->size();
                check(text->find_first_not_of(static_cast<char>('a' + (t + 1) % 4)) ==
                          std::string::npos,
                      "a string changed");
                text.reset();
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    return std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
}

std::uint64_t exercise_exceptions()
{
    std::uint64_t caught = 0;
    for (int i = 0; i < 3000; i++) {
        try {
            throw std::runtime_error(std::string(static_cast<std::size_t>(i % 900), 'e'));
        } catch (const std::exception &error) {
            caught += std::char_traits<char>::length(error.what());
        }
    }
    volatile std::size_t impossible = SIZE_MAX / 2 - 64;
    check(::operator new(impossible, std::nothrow) == nullptr, "nothrow new of the impossible");
    bool thrown = false;
    try {
        ::operator delete(::operator new(impossible));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    check(thrown, "bad_alloc");
    static int handled;
    std::set_new_handler([] {
        if (++handled == 3) {
            std::set_new_handler(nullptr);
        }
    });
    thrown = false;
    try {
        ::operator delete(::operator new(impossible));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    check(thrown && handled == 3, "the new handler is called until it gives up");
    return caught;
}

std::uint64_t exercise_pmr()
{
    std::pmr::synchronized_pool_resource pool;
    std::pmr::map<std::pmr::string, std::pmr::vector<int>> index(&pool);
    for (int i = 0; i < 3000; i++) {
        index[std::pmr::string(std::to_string(i % 700), &pool)].push_back(i);
    }
    std::uint64_t sum = 0;
    for (const auto &[key, numbers] : index) {
        sum += key.size() + numbers.size();
    }
    return sum;
}

} // namespace

int main()
{
    exercise_aligned<32>();
    exercise_aligned<64>();
    exercise_aligned<4096>();
    exercise_aligned<65536>();
    const std::uint64_t cells = exercise_cells(std::make_index_sequence<16>());
    check(cells == 16 * 40 * 3, "a cell changed");
    std::printf("cells %ju text %ju variants %ju threads %ju exceptions %ju pmr %ju\n",
                std::uintmax_t{cells}, std::uintmax_t{exercise_text()},
                std::uintmax_t{exercise_variants()}, std::uintmax_t{exercise_threads()},
                std::uintmax_t{exercise_exceptions()}, std::uintmax_t{exercise_pmr()});
    return 0;
}
