"""ask_author: the agent puts a question and goes on."""

from typing import Annotated

from msgspec import Meta, Struct

from studio.agent.tool import Tool, ToolContext, ToolRefused


class Arguments(Struct, frozen=True):
    """What the model sends."""

    question: Annotated[str, Meta(description="One question, with the choices you see.")]


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """Whether the question is queued, and how to go on without the answer."""
    question = arguments.question.strip()
    if not question:
        raise ToolRefused("The question is empty; call ask_author with the question.")
    return context.ask(question)


TOOL = Tool(
    "ask_author",
    "Ask the author. You go on meanwhile; the answer comes as a message. Only when the book would be another book "
    "depending on it.",
    Arguments,
    carry_out,
)
