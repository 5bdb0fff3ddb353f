"""The API: GraphQL schema, resolvers and subscriptions."""
