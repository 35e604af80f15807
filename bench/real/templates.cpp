// What a compiler of C++ sees every day: the standard library's templates, many times over.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N> struct Record {
    std::map<std::string, std::vector<std::tuple<int, std::string, double>>> rows;
    std::unordered_map<std::string, std::variant<int, std::string, std::vector<double>>> values;
    std::function<int(int)> apply = [](int x) { return x + N; };

    int sum()
    {
        int total = 0;
        for (auto &[name, list] : rows) {
            std::sort(list.begin(), list.end(), [](const auto &a, const auto &b) {
                return std::get<0>(a) + N % 3 < std::get<0>(b);
            });
            total += apply(static_cast<int>(list.size() + name.size()));
        }
        for (auto &[name, value] : values) {
            total += std::visit([](const auto &held) { return int(sizeof held) + N; }, value);
        }
        return total;
    }
};

template <int... N> int sum_all(std::integer_sequence<int, N...>)
{
    return (std::make_unique<Record<N>>()->sum() + ...);
}

int run()
{
    return sum_all(std::make_integer_sequence<int, RECORDS>());
}
