"""What tests share: tiny models, small data, oracles, doubles of servers."""
