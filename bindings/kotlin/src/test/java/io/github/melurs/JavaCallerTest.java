package io.github.melurs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The API as it looks from Java. */
class JavaCallerTest {
    private static final File MODELS = 
        new File(System.getProperty("melu.root"), "bindings/go/testdata");

    @Test
    void fromNothingToARecommendation() {
        try (Model model = Model.open(new File(MODELS, "choosing.melu"));
             Catalog catalog = model.catalog();
             User user = catalog.user();
             Questions questions = catalog.questions()) {
            for (int asked = 0; asked < 3; asked++) {
                Question question = user.nextQuestion(questions);
                assertNotNull(question);
                user.rate(question.getItem(), 4.5f);
            }
            Question next = user.nextQuestion(questions, new Asked(new int[] {1, 2}));
            assertNotNull(next);
            List<Recommendation> best = user.recommend(5);
            assertEquals(5, best.size());
            assertTrue(best.get(0).getScore() >= best.get(4).getScore());
            RecommendOptions options = new RecommendOptions();
            options.setFilter(item -> item % 2 == 0);
            options.setOrder(Order.RATING);
            options.setMinRaters(1);
            for (Recommendation found : user.recommend(5, options)) {
                assertEquals(0, found.getItem() % 2);
                assertTrue(catalog.raters(found.getItem()) > 0);
            }
            try (User other = catalog.user(); User third = catalog.user()) {
                List<User> both = Arrays.asList(user, other);
                BatchRecommendations lists = User.recommendBatch(both, 5);
                assertEquals(user.recommend(5), lists.get(0));
                int[] offsets = {0, 0, 1};
                lists = User.recommendBatch(Arrays.asList(other, third), offsets, new int[] {3}, new float[] {5}, 5);
                assertEquals(10, lists.getItems().length);
                assertEquals(5, lists.getCounts()[1]);
            }
            assertNull(catalog.find("nothing"));
            assertEquals(Integer.valueOf(0), catalog.find(catalog.id(0)));
            assertEquals(3, user.ratings().size());
            assertTrue(model.getDetails().getChoice());
            assertEquals(40, catalog.getSize());
            assertEquals(catalog.itemVectors().length, 40 * user.vector().length);
        }
    }

    @Test
    void failuresAreTyped() {
        MeluException failure = assertThrows(MeluException.class, () -> Model.open("none.melu"));
        assertEquals(Status.IO, failure.getStatus());
        assertTrue(failure.getMessage().contains("none.melu"));
        try (Model model = Model.open(new File(MODELS, "sample.melu"))) {
            Item item = new Item("a", Collections.singletonList(Value.number("year", 1999)));
            try (Catalog catalog = model.catalog(Collections.singletonList(item))) {
                User user = catalog.user();
                user.close();
                assertThrows(IllegalStateException.class, user::scoreAll);
            }
        }
        assertEquals("0.1.0", Melu.getVersion());
    }
}
